import { ScoringError } from '../../errors.ts'
import type { Feeds, TensorInfo } from '../../models/session/model-session.ts'
import { isPlainObject } from '../../scripts/plain-object.ts'
import { type Dtype, typedArrays } from '../../tensor/dtype.ts'
import { isTypedArray } from '../../tensor/float16-array.ts'
import { decodeNested } from '../../tensor/nested.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { TensorList } from '../../tensor/tensor-list.ts'
import { nameOutputs } from './named-outputs.ts'

/**
 * The tensors of a result by name, for protocols whose answers hold nothing else. A script may as well return lists of numbers
 * (float64), booleans or texts, single values (shape [1]), an object of such, or a list with an object for each row, whose
 * members are an output each.
 *
 * @param outputs  of the model that answers; empty where a script does
 * @throws ScoringError OUTPUT_NOT_SERIALISABLE where it has other parts
 */
export function readAnswerTensors(result: unknown, outputs: readonly TensorInfo[]): Feeds {
  if (result instanceof Tensor || result instanceof TensorList) return nameOutputs(result, outputs)
  const members = isRecords(result) ? turnToColumns(result) : isPlainObject(result) ? result : undefined
  if (!members) return nameOutputs(convert('output', result), outputs)
  const converted = Object.entries(members).map(([name, member]) => [name, convert(name, member)] as const)
  return nameOutputs(Object.fromEntries(converted), outputs)
}

/**
 * The tensors that a script answered its sample with, as far as they tell of other answers.
 *
 * @param hasRowAxis  the first axis is that of the rows
 * @returns undefined for what holds no tensors
 */
export function describeAnswerTensors(result: unknown, hasRowAxis: boolean): readonly TensorInfo[] | undefined {
  try {
    return Object.entries(readAnswerTensors(result, [])).map(([name, { dtype, shape, classes }]) => ({
      name,
      dtype,
      shape: shape.map((size, axis) => (hasRowAxis && axis === 0 ? -1 : size)),
      ...(classes && { classes }),
    }))
  } catch {
    return undefined // callers are told, with the cause in the log
  }
}

type Members = Readonly<Record<string, unknown>>

function isRecords(value: unknown): value is readonly Members[] {
  return Array.isArray(value) && value.length > 0 && value.every(isPlainObject)
}

/** @param rows  objects with the same members each */
function turnToColumns(rows: readonly Members[]): Members {
  const names = Object.keys(rows[0] as Members)
  for (const row of rows) {
    if (Object.keys(row).length !== names.length || !names.every(name => Object.hasOwn(row, name)))
      throw notTensors('an object for each row, which do not have the same members')
  }
  return Object.fromEntries(names.map(name => [name, rows.map(row => row[name])]))
}

function convert(name: string, value: unknown): Tensor | TensorList {
  if (value instanceof Tensor || value instanceof TensorList) return value
  if (isTypedArray(value)) return new Tensor(findDtype(value) as Dtype, value as Tensor['data'], [value.length])
  const nested = Array.isArray(value) ? value.map(expand) : [value]
  const dtype = findDtype(value) ?? (nested.length === 0 ? 'float64' : undefined)
  if (!dtype) throw notTensors(`${JSON.stringify(name)}, which has neither numbers nor texts`)
  try {
    const { data, shape } = decodeNested(nested, { name, dtype, shape: undefined, takes: 'all' })
    return new Tensor(dtype, data, shape)
  } catch (cause) {
    throw notTensors(`${JSON.stringify(name)}, whose entries are not alike`, cause)
  }
}

/** Lists may hold tensors and arrays of numbers. */
function expand(value: unknown): unknown {
  if (value instanceof Tensor) return value.toList()
  if (isTypedArray(value)) return Array.from(value as Uint8Array)
  return Array.isArray(value) ? value.map(expand) : value
}

/** The type of the first element that is there: null is a number that is missing. */
function findDtype(value: unknown): Dtype | undefined {
  if (value instanceof Tensor) return value.dtype
  if (isTypedArray(value)) return arrayTypes.get(value.constructor) ?? 'uint8'
  if (Array.isArray(value)) {
    let found: Dtype | undefined
    for (let index = 0; found === undefined && index < value.length; index++) found = findDtype(value[index])
    return found ?? (value.includes(null) ? 'float64' : undefined)
  }
  switch (typeof value) {
    case 'number':
      return 'float64'
    case 'bigint':
      return 'int64'
    case 'boolean':
      return 'bool'
    case 'string':
      return 'string'
    default:
      return undefined
  }
}

/** By the array that holds them; a Uint8Array holds numbers rather than flags. */
const arrayTypes = new Map<unknown, Dtype>(
  Object.entries(typedArrays)
    .filter(([dtype]) => dtype !== 'bool' && dtype !== 'string')
    .map(([dtype, type]) => [type, dtype as Dtype]),
)

function notTensors(what: string, reason?: unknown): ScoringError {
  const message = 'An unexpected internal error occurred. Check the logs for more info.'
  const cause = new TypeError(`run() returned ${what}; callers of this protocol get tensors, or lists of one type`, {
    cause: reason,
  })
  return new ScoringError('OUTPUT_NOT_SERIALISABLE', message, { cause })
}
