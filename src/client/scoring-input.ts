/** What `Webservice.run` takes, and how it goes over the wire. */
import type { CallOptions } from './caller.ts'
import { encodeJson } from './json.ts'

/** The elements of a tensor, whose type the array tells; `Uint8Array` is one where a shape is given, and bytes otherwise. */
export type TensorElements =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array

/**
 * - text: JSON, sent as it is, as with Azure ML's `run(input_data)`
 * - an object: sent as JSON, e.g. `{ data: [[5.1, 3.5, 1.4, 0.2]] }`
 * - a list of rows or records: sent as `{"data": …}`, e.g. `[[5.1, 3.5, 1.4, 0.2]]` or `[{ age: 34, city: 'Oslo' }]`
 * - a typed array: a tensor of the service's only input, sent as its bytes; `shape` says how it lies
 * - bytes (`Uint8Array`, `ArrayBuffer`, `Blob`, a stream): sent as they are, such as an image or a `.npy` file
 */
export type ScoringInput =
  | string
  | object
  | readonly unknown[]
  | TensorElements
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array>

/** What the input alone does not tell. */
export interface InputOptions {
  /** Sizes of a tensor that is given as a typed array, e.g. `[1, 3, 224, 224]`; absent: the service infers the number of rows. */
  readonly shape?: readonly number[] | undefined
  /** Content type of the body; absent: `application/json`, or for bytes that of the `Blob` or `application/octet-stream`. */
  readonly contentType?: string | undefined
}

/** Limits of a request, and what its input alone does not tell. */
export interface RunOptions extends CallOptions, InputOptions {
  /** Further headers of the request, e.g. `azureml-model-deployment`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** The body of a request. */
export interface EncodedInput {
  readonly body: string | Uint8Array<ArrayBuffer> | ArrayBuffer | Blob | ReadableStream<Uint8Array>
  readonly headers: Readonly<Record<string, string>>
  /** Whether the body can be sent a second time; a stream cannot. */
  readonly isRepeatable: boolean
}

const json = 'application/json'
const octets = 'application/octet-stream'

/** The names that services have for the elements of typed arrays. */
const dtypes: Readonly<Record<string, string>> = {
  Float16Array: 'float16',
  Float32Array: 'float32',
  Float64Array: 'float64',
  Int8Array: 'int8',
  Int16Array: 'int16',
  Int32Array: 'int32',
  BigInt64Array: 'int64',
  Uint8Array: 'uint8',
  Uint16Array: 'uint16',
  Uint32Array: 'uint32',
  BigUint64Array: 'uint64',
}

/** @throws TypeError for what no service can read */
export function encodeInput(input: ScoringInput, { shape, contentType }: InputOptions = {}): EncodedInput {
  if (typeof input === 'string') return whole(input, contentType ?? json)
  if (typeof input !== 'object' || input === null)
    throw new TypeError(
      `cannot score ${describeType(input)}; give JSON text, an object, a list of rows, a typed array or bytes`,
    )
  if (ArrayBuffer.isView(input)) {
    const bytes = new Uint8Array(input.buffer as ArrayBuffer, input.byteOffset, input.byteLength)
    const isTensor = !(input instanceof Uint8Array) || shape !== undefined
    return isTensor ? encodeTensor(input, bytes, shape) : whole(bytes, contentType ?? octets)
  }
  if (shape !== undefined) throw new TypeError('shape is for typed arrays; JSON has its own')
  if (input instanceof ArrayBuffer) return whole(input, contentType ?? octets)
  if (input instanceof Blob) return whole(input, contentType ?? (input.type || octets))
  if (input instanceof ReadableStream)
    return { body: input, headers: { 'content-type': contentType ?? octets }, isRepeatable: false }
  return whole(encodeJson(Array.isArray(input) ? { data: input } : input), contentType ?? json)
}

function whole(body: EncodedInput['body'], contentType: string): EncodedInput {
  return { body, headers: { 'content-type': contentType }, isRepeatable: true }
}

function encodeTensor(
  input: ArrayBufferView,
  bytes: Uint8Array<ArrayBuffer>,
  shape: readonly number[] | undefined,
): EncodedInput {
  const type = Object.prototype.toString.call(input).slice(8, -1)
  const dtype = dtypes[type]
  if (dtype === undefined) throw new TypeError(`a ${type} is no tensor; give one of ${Object.keys(dtypes).join(', ')}`)
  const headers: Record<string, string> = { 'content-type': octets, 'x-tensor-dtype': dtype }
  if (shape !== undefined) {
    const count = (input as unknown as { length: number }).length
    const needed = shape.reduce((product, size) => product * size, 1)
    if (needed !== count)
      throw new TypeError(`the shape [${shape.join(', ')}] needs ${needed} elements; the ${type} has ${count}`)
    headers['x-tensor-shape'] = shape.join(',')
  }
  return { body: bytes, headers, isRepeatable: true }
}

function describeType(value: unknown): string {
  return value === null || value === undefined ? String(value) : `a ${typeof value}`
}
