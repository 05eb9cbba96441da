import { MessagePort } from 'node:worker_threads'
import { isErrorCode } from '../../errors.ts'
import type { ServiceSpec } from '../../models/repository/service-spec.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { RunStats } from '../../scheduling/dispatch.ts'
import { isDtype, type TensorData, typedArrays } from '../../tensor/dtype.ts'
import { elementCount, type Shape } from '../../tensor/shape.ts'
import type { PackedRequests, PackedResults } from './packed-dispatch.ts'
import type { RecordLocation } from './run-records.ts'

/** The data that a thread is started with, before it has a service. */
export interface WorkerBootData {
  /** Memory of the native-call guard. */
  readonly guard: SharedArrayBuffer
  /** Carries all messages between a worker and the main thread; `parentPort` belongs to whatever the scripts in the thread import. */
  readonly port: MessagePort
}

/** The first message to a thread: the service that it is to load. */
export interface ServiceAssignment {
  readonly spec: ServiceSpec
  /** Memory of the request states. */
  readonly states: SharedArrayBuffer
  /** Where the thread records what it runs; undefined: nowhere. */
  readonly record: RecordLocation | undefined
}

/** A further message to a thread: requests to score. One dispatch at a time. */
export interface DispatchMessage extends PackedRequests {
  /** Positions in the last `yielded` of the requests to resume; they come before the others. Absent: none. */
  readonly resumed?: readonly number[] | undefined
}

/** A message of a thread. */
export type WorkerMessage =
  | { readonly type: 'loaded'; readonly report: LoadReport }
  | { readonly type: 'load-failed'; readonly reason: string }
  | ({
      readonly type: 'results'
      readonly indexes: readonly number[]
      readonly results: PackedResults
      /** The dispatch is done. */
      readonly isLast: boolean
      /** Indexes of the requests that the thread holds for the next dispatch to resume; only with `isLast`. Absent: none. */
      readonly yielded?: readonly number[] | undefined
    } & RunStats)

type Fields = Readonly<Record<string, unknown>>

/**
 * Checks a message of a worker, where code of a service's owner runs: nothing in it is taken on trust.
 *
 * @param expected  1 at each index of the dispatch whose result may come; what a message settles becomes 0
 * @returns undefined for a message that our runtime would not send
 */
export function readWorkerMessage(message: unknown, expected: Uint8Array): WorkerMessage | undefined {
  if (!isFields(message)) return undefined
  switch (message.type) {
    case 'loaded':
      return isReport(message.report) ? (message as unknown as WorkerMessage) : undefined
    case 'load-failed':
      return typeof message.reason === 'string' ? (message as unknown as WorkerMessage) : undefined
    case 'results':
      return isResults(message, expected) ? (message as unknown as WorkerMessage) : undefined
    default:
      return undefined
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

/** Checks the members that we compute with; the others are only shown. */
function isReport(report: unknown): boolean {
  if (!isFields(report)) return false
  const { scriptKind, takesHeaders, executionProvider, inputs, outputs, isBatchable, notes, loadMs, warmUpMs } = report
  return (
    ['raw', 'typed', 'rawHttp'].includes(scriptKind as string) &&
    [takesHeaders, isBatchable].every(each => typeof each === 'boolean') &&
    typeof executionProvider === 'string' &&
    [inputs, outputs].every(each => Array.isArray(each) && each.every(isTensorInfo)) &&
    Array.isArray(notes) &&
    notes.every(each => typeof each === 'string') &&
    [loadMs, warmUpMs].every(each => typeof each === 'number')
  )
}

function isTensorInfo(info: unknown): boolean {
  return isFields(info) && typeof info.name === 'string' && typeof info.dtype === 'string' && isShape(info.shape)
}

/** A shape may be absent: any shape is taken. */
function isShape(shape: unknown): boolean {
  return shape === undefined || Array.isArray(shape)
}

function isResults({ indexes, results, isLast, yielded = [], runs, bisected }: Fields, expected: Uint8Array): boolean {
  if (!Array.isArray(indexes) || !isFields(results) || typeof isLast !== 'boolean') return false
  const { texts, bytes = [], others } = results
  if (!Array.isArray(texts) || texts.length !== indexes.length || !Array.isArray(others)) return false
  if (!Array.isArray(yielded) || (yielded.length > 0 && !isLast)) return false
  if (!takeIndexes(indexes, expected) || !takeIndexes(yielded, expected)) return false
  let textCount = 0
  for (const text of texts) {
    if (typeof text === 'string') textCount++
    else if (text !== undefined) return false
  }
  if (!areBytes(bytes, texts)) return false
  let last = -1
  for (const other of others) {
    if (!Array.isArray(other) || !isOtherResult(other[1])) return false
    const [position] = other
    if (!Number.isInteger(position) || position <= last || position >= texts.length) return false
    if (texts[position] !== undefined) return false
    last = position
  }
  if (textCount + others.length !== texts.length) return false
  return Array.isArray(runs) && runs.length % 3 === 0 && runs.every(isCount) && isCount(bisected)
}

/** Whether each two numbers are the position of a text and how much of it is text, in order. */
function areBytes(bytes: unknown, texts: readonly unknown[]): boolean {
  if (!Array.isArray(bytes) || bytes.length % 2 !== 0) return false
  for (let index = 0; index < bytes.length; index += 2) {
    const [before = -1, position, textBytes] = [bytes[index - 2], bytes[index], bytes[index + 1]]
    const text = texts[position]
    if (!isSize(position) || position <= before || typeof text !== 'string') return false
    if (!isSize(textBytes) || textBytes > text.length) return false
  }
  return true
}

/** @returns false where an index is not expected, or stands there twice */
function takeIndexes(indexes: readonly unknown[], expected: Uint8Array): boolean {
  for (const index of indexes) {
    if (typeof index !== 'number' || expected[index] !== 1) return false
    expected[index] = 0
  }
  return true
}

/** Whether a result that is not text is one: a failure, tensors, or the response of a script that takes raw requests. */
function isOtherResult(result: unknown): boolean {
  if (!isFields(result)) return false
  if (result.kind === 'failure') return isErrorCode(result.code) && typeof result.message === 'string'
  if (result.kind === 'tensors')
    return isFields(result.outputs) && Object.values(result.outputs).every(isCrossingTensor)
  const { kind, status, headers, body, textBytes } = result
  if (kind === 'bytes') return body instanceof Uint8Array && isSize(textBytes) && (textBytes as number) <= body.length
  return (
    kind === 'response' &&
    Number.isInteger(status) &&
    (status as number) >= 200 &&
    (status as number) <= 599 &&
    Array.isArray(headers) &&
    headers.every(pair => Array.isArray(pair) && pair.length === 2 && pair.every(each => typeof each === 'string')) &&
    (body instanceof Uint8Array || body instanceof MessagePort) // a port: the body is streamed
  )
}

/** Whether the elements are of the type and as many as the shape says. */
export function isTensor(tensor: unknown): boolean {
  return isTensorIn(typedArrays, tensor)
}

/** The arrays that a message can hold on every Node.js: before 24 it refuses a Float16Array, so its bits cross. */
const crossingArrays = { ...typedArrays, float16: Uint16Array }

function isCrossingTensor(tensor: unknown): boolean {
  return isTensorIn(crossingArrays, tensor)
}

function isTensorIn(arrays: typeof typedArrays | typeof crossingArrays, tensor: unknown): boolean {
  if (!isFields(tensor)) return false
  const { dtype, shape, data, classes } = tensor
  if (typeof dtype !== 'string' || !isDtype(dtype) || !Array.isArray(shape) || !shape.every(isSize)) return false
  const isTyped =
    dtype === 'string'
      ? Array.isArray(data) && data.every(each => typeof each === 'string')
      : data instanceof arrays[dtype]
  if (!isTyped || (data as TensorData).length !== elementCount(shape as Shape)) return false
  return classes === undefined || (Array.isArray(classes) && classes.length === shape.at(-1))
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value)
}
