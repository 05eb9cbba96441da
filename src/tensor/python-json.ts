/**
 * Writes JSON text as CPython's `json.dumps` does, because Azure ML's clients and recorded answers compare it:
 * separators `", "` and `": "`, everything outside printable ASCII escaped, floats as Python's `repr`.
 */
import { Float16Array, isTypedArray } from './float16-array.ts'
import { elementEncoder, encodeFloat, encodeString, type NonFinite } from './python-json-elements.ts'
import { Tensor } from './tensor.ts'
import { TensorList } from './tensor-list.ts'

/** Deeper answers are cycles in all likelihood; Python gives up at about the same depth. */
const maxDepth = 1000

/**
 * @param value  anything an entry script may return: JSON values, BigInt, tensors, typed arrays, objects with `toJSON`,
 *               and what JSON.rawJSON makes, which is written as it is
 * @throws TypeError naming what cannot be written (functions, symbols, cycles)
 */
export function encode(value: unknown, nonFinite: NonFinite = 'null'): string {
  return encodeValue(value, nonFinite, 0)
}

function encodeValue(value: unknown, nonFinite: NonFinite, depth: number): string {
  if (depth > maxDepth) throw new TypeError(`the answer is nested deeper than ${maxDepth} levels, or contains itself`)
  switch (typeof value) {
    case 'string':
      return encodeString(value)
    case 'number':
      return Number.isInteger(value) ? String(value) : encodeFloat(value, nonFinite)
    case 'bigint':
      return String(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'undefined':
      return 'null'
    case 'object':
      return value === null ? 'null' : encodeObject(value, nonFinite, depth)
    default:
      throw new TypeError(`a ${typeof value} cannot be written as JSON`)
  }
}

/** Objects without members of their own, which would silently become `{}`. */
const unwritable = [Promise, ArrayBuffer, SharedArrayBuffer, DataView, Blob, WeakMap, WeakSet, WeakRef, Error, RegExp]

/** TypeScript does not know it yet (ECMAScript proposal, source text access). */
const { isRawJSON: isRawJson } = JSON as unknown as { isRawJSON(value: object): value is { rawJSON: string } }

/** Maps, sets, generators and streams hold more than their members. */
function isIterable(value: object): boolean {
  return Symbol.iterator in value || Symbol.asyncIterator in value
}

function encodeObject(value: object, nonFinite: NonFinite, depth: number): string {
  if (value instanceof Tensor) return encodeTensor(value, nonFinite)
  if (value instanceof TensorList) return `[${value.tensors.map(each => encodeTensor(each, nonFinite)).join(', ')}]`
  // Array.from sees the holes of a sparse list, map does not.
  if (Array.isArray(value))
    return `[${Array.from(value, entry => encodeValue(entry, nonFinite, depth + 1)).join(', ')}]`
  if (isTypedArray(value)) return encodeTypedArray(value, nonFinite)
  if ('toJSON' in value && typeof value.toJSON === 'function') return encodeValue(value.toJSON(), nonFinite, depth + 1)
  if (isIterable(value) || unwritable.some(type => value instanceof type)) {
    throw new TypeError(`a ${value.constructor?.name ?? 'generator'} cannot be written as JSON`)
  }
  if ('rawJSON' in value && isRawJson(value)) return value.rawJSON
  const members: string[] = []
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${encodeString(key)}: ${encodeValue(member, nonFinite, depth + 1)}`)
  }
  return `{${members.join(', ')}}`
}

/** Writes the numbers as those of a tensor of the same type. */
function encodeTypedArray(view: NodeJS.TypedArray, nonFinite: NonFinite): string {
  const encodeElement = elementEncoder(floatTypes.get(view.constructor) ?? 'int64', nonFinite)
  return `[${Array.from(view as Uint8Array, entry => encodeElement(entry as never)).join(', ')}]`
}

const floatTypes = new Map<unknown, Tensor['dtype']>([
  [Float64Array, 'float64'],
  [Float32Array, 'float32'],
  [Float16Array, 'float16'],
])

/**
 * Writes nested lists, row-major, as `ndarray.tolist()` gives them; float32 as the shortest text that reads back to it. The
 * last axis is an object where its entries have names.
 */
function encodeTensor({ dtype, shape, data, classes }: Tensor, nonFinite: NonFinite): string {
  const encodeElement = elementEncoder(dtype, nonFinite)
  const keys = classes?.map(encodeString)
  let next = 0
  const encodeAxis = (axis: number): string => {
    if (axis === shape.length) return encodeElement(data[next++] as never)
    if (keys && axis === shape.length - 1)
      return `{${keys.map(key => `${key}: ${encodeElement(data[next++] as never)}`).join(', ')}}`
    const entries: string[] = []
    for (let index = 0; index < (shape[axis] as number); index++) entries.push(encodeAxis(axis + 1))
    return `[${entries.join(', ')}]`
  }
  return encodeAxis(0)
}
