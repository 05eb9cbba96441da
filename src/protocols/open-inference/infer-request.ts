/** The body of an infer request of V2: JSON, followed by the bytes of the tensors that it announces (Triton, "Binary Tensor Data"). */
import { maxShown, ScoringError, showName } from '../../errors.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import type { InferenceRequest, TensorCall } from '../../scheduling/inference-request.ts'
import type { RowScript } from '../../scripts/script.ts'
import type { BinaryDtype } from '../../tensor/element-bytes.ts'
import { elementSize } from '../../tensor/element-bytes.ts'
import { decodeNested, describeKind, type NonFiniteInput } from '../../tensor/nested.ts'
import { elementCount, isOpen, type Shape } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { DecodedFeeds } from '../../workers/runtime/codec.ts'
import type { LoadedService } from '../../workers/runtime/load-service.ts'
import { checkNamedInputs } from '../../workers/runtime/named-inputs.ts'
import { decodeJsonBody } from '../http/json-body.ts'
import { decodeDatatype, encodeDatatype } from './datatypes.ts'
import { invalidInput } from './invalid-input.ts'
import { checkSizes, decodeRawTensor, decodeText, type TensorHead } from './raw-tensor.ts'
import type { RequestedOutput, RequestedOutputs } from './select-outputs.ts'

/** What a request says of its answer. */
export interface AnswerForm extends RequestedOutputs<RequestedForm> {
  readonly id: string | undefined
  readonly call: TensorCall
  /** Outputs that do not say so themselves come as bytes. */
  readonly isBinary: boolean
}

/** An output in the form that the request wants. */
interface RequestedForm extends RequestedOutput {
  readonly isBinary?: boolean | undefined
}

type Members = Readonly<Record<string, unknown>>

/** @throws ScoringError 4xx naming what is wrong */
export function decodeInferRequest(request: InferenceRequest, script: RowScript, service: LoadedService): DecodedFeeds {
  const { body } = request
  const call = request.details?.tensorCall as TensorCall
  const hasRows = script.hasRowAxis
  if (call.textBytes === 0) {
    const form: AnswerForm = { id: undefined, call, outputs: undefined, isBinary: true, hasRows }
    return { feeds: checkNamedInputs(decodeBareTensor(body, script), script), form }
  }
  const text = call.textBytes === undefined ? body : body.subarray(0, call.textBytes)
  const json = decodeJsonBody(text, 'application/json', service)
  const takes: NonFiniteInput = service.takesNonFinite ? (json.hasTokens ? 'all' : 'null') : 'none'
  const bytes = new FollowingBytes(body.subarray(text.length))
  const tensors = readInputs(json.parameters.inputs, bytes, takes)
  bytes.requireEnd()
  const form: AnswerForm = { ...readForm(json.parameters), call, hasRows }
  return { feeds: checkNamedInputs(tensors, script), form }
}

/** What follows the JSON, input by input. */
class FollowingBytes {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** @throws ScoringError INPUT_INVALID */
  take(name: string, size: unknown): Uint8Array {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
      const came = typeof size === 'number' ? size : describeMember(size)
      throw invalidInput(`input ${showName(name)}: binary_data_size must be a number of bytes, got ${came}`)
    }
    const left = this.#bytes.length - this.#offset
    if (size > left)
      throw invalidInput(`input ${showName(name)}: binary_data_size is ${size}, but ${left} bytes follow`)
    this.#offset += size
    return this.#bytes.subarray(this.#offset - size, this.#offset)
  }

  /** @throws ScoringError INPUT_INVALID */
  requireEnd(): void {
    const left = this.#bytes.length - this.#offset
    if (left > 0) throw invalidInput(`${left} bytes follow the last input; each input says its binary_data_size`)
  }
}

function readInputs(inputs: unknown, bytes: FollowingBytes, takes: NonFiniteInput): Record<string, Tensor> {
  if (!Array.isArray(inputs)) throw invalidInput(`"inputs" must be a list of tensors, got ${describeMember(inputs)}`)
  const tensors = new Map<string, Tensor>()
  for (const [index, input] of inputs.entries()) {
    const head = readHead(input, index)
    if (tensors.has(head.name)) throw invalidInput(`input ${showName(head.name)} is there twice`)
    tensors.set(head.name, readTensor(input as Members, head, bytes, takes))
  }
  return Object.fromEntries(tensors)
}

function readHead(input: unknown, index: number): TensorHead {
  const where = `inputs[${index}]`
  if (!isMembers(input)) throw invalidInput(`${where} must be an object, got ${describeMember(input)}`)
  const { name, datatype, shape } = input
  if (typeof name !== 'string') throw invalidInput(`${where}.name must be a string, got ${describeMember(name)}`)
  if (typeof datatype !== 'string')
    throw invalidInput(`${where}.datatype must be a string such as "FP32", got ${describeMember(datatype)}`)
  if (!Array.isArray(shape) || !shape.every(size => typeof size === 'number'))
    throw invalidInput(`${where}.shape must be a list of sizes such as [1, 4]`)
  checkSizes(name, shape)
  return { name, datatype, shape }
}

function readTensor(input: Members, head: TensorHead, bytes: FollowingBytes, takes: NonFiniteInput): Tensor {
  const { binary_data_size: size, shared_memory_region: region } = readParameters(input.parameters, showName(head.name))
  if (isThere(region)) throw invalidInput(`input ${showName(head.name)}: there is no shared memory here; send its data`)
  if (!isThere(size)) return readJsonTensor(input.data, head, takes)
  if (isThere(input.data))
    throw invalidInput(`input ${showName(head.name)} has both data and binary_data_size; send one of them`)
  return decodeRawTensor(head, bytes.take(head.name, size))
}

/** Data may come nested or flat; both are row-major. (Open Inference Protocol, REST, "Tensor Data") */
function readJsonTensor(data: unknown, { name, datatype, shape }: TensorHead, takes: NonFiniteInput): Tensor {
  if (!isThere(data)) throw invalidInput(`input ${showName(name)} has neither data nor binary_data_size`)
  const dtype = decodeDatatype(name, datatype)
  const list = Array.isArray(data) ? data : [data]
  const read = decodeNested(list, { name: name.slice(0, maxShown), dtype, shape: undefined, takes })
  const isNested = read.shape.length > 1
  if (isNested ? !isSameShape(read.shape, shape) : read.data.length !== elementCount(shape)) {
    const came = isNested ? `is nested as [${read.shape.join(', ')}]` : `has ${read.data.length} elements`
    throw new ScoringError(
      'INPUT_SHAPE_MISMATCH',
      `input ${showName(name)}: its data ${came}, its shape is [${shape.join(', ')}]`,
    )
  }
  return new Tensor(dtype, read.data, shape)
}

function isSameShape(one: Shape, other: Shape): boolean {
  return one.length === other.length && one.every((size, axis) => size === other[axis])
}

/** The whole body is the elements of the only input: one row, or one text. (Triton, "Raw Binary Request") */
function decodeBareTensor(body: Uint8Array, { inputs, hasRowAxis }: RowScript): Record<string, Tensor> {
  const [input] = inputs
  if (!input || inputs.length > 1) {
    throw invalidInput(
      `a body without JSON (Inference-Header-Content-Length: 0) is for models with one input; this one has ${inputs.length}`,
    )
  }
  const { name, dtype } = input
  if (dtype === 'string') return { [name]: new Tensor('string', [decodeText(name, 0, body)], onlyElement(input)) }
  const shape = inferShape(body.length, { ...input, dtype }, hasRowAxis)
  return { [name]: decodeRawTensor({ name, datatype: encodeDatatype(dtype), shape }, body) }
}

function onlyElement({ shape }: TensorInfo): Shape {
  return shape?.map(() => 1) ?? [1]
}

/** One row; a further dimension of any size follows from the number of bytes. */
function inferShape(
  byteCount: number,
  { name, dtype, shape }: TensorInfo & { dtype: BinaryDtype },
  hasRows: boolean,
): Shape {
  const declared = shape?.map((size, axis) => (hasRows && axis === 0 ? 1 : isOpen(size) ? -1 : (size as number)))
  const open = declared?.filter(size => size < 0).length ?? 2
  if (!declared || open > 1) {
    throw invalidInput(
      `input ${showName(name)} has several dimensions of any size: send its shape, in JSON before the bytes`,
    )
  }
  const known = elementCount(declared.filter(size => size >= 0)) * elementSize(dtype)
  return declared.map(size => (size < 0 ? Math.floor(byteCount / known) || 0 : size))
}

function readForm({ id, parameters, outputs }: Members): Pick<AnswerForm, 'id' | 'outputs' | 'isBinary'> {
  if (isThere(id) && typeof id !== 'string') throw invalidInput(`"id" must be a string, got ${describeMember(id)}`)
  const { binary_data_output: isBinary } = readParameters(parameters, 'the request')
  return {
    id: id ?? undefined,
    outputs: readOutputs(outputs),
    isBinary: readFlag(isBinary, 'binary_data_output') ?? false,
  }
}

function readOutputs(outputs: unknown): readonly RequestedForm[] | undefined {
  if (!isThere(outputs)) return undefined
  if (!Array.isArray(outputs)) throw invalidInput(`"outputs" must be a list, got ${describeMember(outputs)}`)
  if (outputs.length === 0) return undefined
  const requested = new Map<string, RequestedForm>()
  for (const [index, output] of outputs.entries()) {
    const name = isMembers(output) ? output.name : undefined
    if (typeof name !== 'string')
      throw invalidInput(`outputs[${index}].name must be a string, got ${describeMember(name)}`)
    if (requested.has(name)) throw invalidInput(`output ${showName(name)} is asked for twice`)
    const parameters = readParameters((output as Members).parameters, `output ${showName(name)}`)
    if (isThere(parameters.shared_memory_region))
      throw invalidInput(`output ${showName(name)}: there is no shared memory here; it comes in the answer`)
    const { binary_data: isBinary, classification: classCount } = parameters
    if (isThere(classCount) && typeof classCount !== 'number')
      throw invalidInput(`output ${showName(name)}: classification must be a number, got ${describeMember(classCount)}`)
    // Triton's clients write 0 for none.
    requested.set(name, { name, isBinary: readFlag(isBinary, 'binary_data'), classCount: classCount || undefined })
  }
  return [...requested.values()]
}

/** Parameters that are not known here are ignored. */
function readParameters(parameters: unknown, where: string): Members {
  if (!isThere(parameters)) return {}
  if (isMembers(parameters)) return parameters
  throw invalidInput(`the parameters of ${where} must be an object, got ${describeMember(parameters)}`)
}

function readFlag(flag: unknown, name: string): boolean | undefined {
  if (!isThere(flag)) return undefined
  if (typeof flag === 'boolean') return flag
  throw invalidInput(`${name} must be true or false, got ${describeMember(flag)}`)
}

/** Some programs write null for the members that they leave out. */
function isThere<Value>(value: Value): value is NonNullable<Value> {
  return value !== undefined && value !== null
}

/** What a member is, for messages. */
function describeMember(value: unknown): string {
  return value === undefined ? 'nothing' : describeKind(value)
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
