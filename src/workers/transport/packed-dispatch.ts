import { MessagePort } from 'node:worker_threads'
import type { Feeds } from '../../models/session/model-session.ts'
import { isShared, leadBefore } from '../../scheduling/body-memory.ts'
import { movedFromBytes } from '../../scheduling/dispatch.ts'
import type { InferenceRequest, RequestDetails, TensorCall } from '../../scheduling/inference-request.ts'
import type {
  EncodedBytes,
  Failure,
  InferenceResult,
  Output,
  TensorOutputs,
  Timings,
} from '../../scheduling/inference-result.ts'
import { Float16Array, fromHalfBits, halfBits } from '../../tensor/float16-array.ts'
import { Tensor } from '../../tensor/tensor.ts'

/**
 * A dispatch as it crosses to the thread. Every object in a message is written and read key by key, and every buffer is
 * allocated anew, so small bodies share one buffer, and what requests have in common is written once.
 */
export interface PackedRequests {
  /** The small bodies, one after the other, each with its tensors from a multiple of 8 bytes on, so that they are read in place. */
  readonly small: Uint8Array
  /** Bytes of each body in `small`; -1: the body is the next one of `apart`. */
  readonly lengths: readonly number[]
  /** Bodies that are moved, or that lie in shared memory. */
  readonly apart: readonly Uint8Array[]
  /** One for all requests, or a list; so is `contentType`. */
  readonly codec: string | readonly string[]
  readonly contentType: string | undefined | readonly (string | undefined)[]
  readonly details: readonly (RequestDetails | undefined)[] | undefined
  /** JSON of each `details.tensorCall`, a line each; empty: there is none. */
  readonly calls: string
  /** Inputs of the requests that came as tensors, which are copied. */
  readonly tensors: readonly (PackedTensors | undefined)[] | undefined
  /** Ids of the requests, a line each; empty: there is none. Ids come in headers, which have no line ends. */
  readonly ids: string
}

export function packRequests(requests: readonly InferenceRequest[]): PackedRequests {
  const [first] = requests
  const lengths: number[] = []
  const apart: Uint8Array[] = []
  let smallBytes = 0
  let hasOneCodec = true
  let hasOneType = true
  let hasDetails = false
  let hasTensors = false
  let ids = ''
  let hasCalls = false
  for (const { body, codec, contentType, details, tensors, id } of requests) {
    if (isApart(body)) {
      lengths.push(-1)
      apart.push(body)
    } else {
      lengths.push(body.length)
      smallBytes += aligned(findLead(details) + body.length)
    }
    hasOneCodec &&= codec === first?.codec
    hasOneType &&= contentType === first?.contentType
    hasDetails ||= hasOtherDetails(details)
    hasCalls ||= details?.tensorCall !== undefined
    hasTensors ||= tensors !== undefined
    ids += lengths.length === 1 ? (id ?? '') : `\n${id ?? ''}`
  }
  const small = new Uint8Array(smallBytes)
  let offset = 0
  for (const { body, details } of requests) {
    if (isApart(body)) continue
    const lead = findLead(details)
    small.set(body, offset + lead)
    offset += aligned(lead + body.length)
  }
  return {
    small,
    lengths,
    apart,
    codec: hasOneCodec ? (first?.codec ?? '') : requests.map(({ codec }) => codec),
    contentType: hasOneType ? first?.contentType : requests.map(({ contentType }) => contentType),
    details: hasDetails ? requests.map(({ details }) => withoutCall(details)) : undefined,
    calls: hasCalls ? requests.map(({ details }) => writeCall(details)).join('\n') : '',
    tensors: hasTensors ? requests.map(({ tensors }) => tensors && packTensors(tensors)) : undefined,
    ids,
  }
}

function isApart(body: Uint8Array): boolean {
  return body.length >= movedFromBytes || isShared(body)
}

function hasOtherDetails(details: RequestDetails | undefined): boolean {
  for (const name in details) if (name !== 'tensorCall') return true
  return false
}

function writeCall(details: RequestDetails | undefined): string {
  return details?.tensorCall === undefined ? '' : JSON.stringify(details.tensorCall)
}

function withoutCall(details: RequestDetails | undefined): RequestDetails | undefined {
  return details?.tensorCall === undefined ? details : { ...details, tensorCall: undefined }
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8
}

/** Bytes to leave out before a body, so that what follows its text is at a multiple of 8. */
function findLead(details: RequestDetails | undefined): number {
  return leadBefore(details?.tensorCall?.textBytes)
}

/** @returns the buffers to move rather than copy */
export function buffersToMove({ small, apart }: PackedRequests): ArrayBuffer[] {
  const bodies = apart.map(({ buffer }) => buffer).filter(buffer => buffer instanceof ArrayBuffer)
  // `small` is a copy already; moving it pays from some size on.
  return small.byteLength < 65_536 ? bodies : [small.buffer as ArrayBuffer, ...bodies]
}

export function unpackRequests({
  small,
  lengths,
  apart,
  codec,
  contentType,
  details: others,
  calls,
  tensors,
  ids,
}: PackedRequests): InferenceRequest[] {
  let offset = 0
  let nextApart = 0
  const names = ids.split('\n')
  const lines = calls === '' ? undefined : calls.split('\n')
  return lengths.map((length, index) => {
    const call = lines?.[index]
    const details = call ? { ...others?.[index], tensorCall: JSON.parse(call) as TensorCall } : others?.[index]
    const start = offset + (length < 0 ? 0 : findLead(details))
    const body = length < 0 ? (apart[nextApart++] as Uint8Array) : small.subarray(start, start + length)
    if (length >= 0) offset = aligned(start + length)
    return {
      codec: Array.isArray(codec) ? codec[index] : codec,
      body,
      contentType: Array.isArray(contentType) ? contentType[index] : contentType,
      details,
      tensors: tensors?.[index] && unpackTensors(tensors[index]),
      id: names[index] || undefined,
    } as InferenceRequest
  })
}

/** A result as it crosses: a streamed body is a port. Timings are in the shared request states. */
export type CrossingResult =
  | Exclude<Output<Uint8Array | MessagePort>, TensorOutputs>
  | { readonly kind: 'tensors'; readonly outputs: PackedTensors }
  | Failure

/** Results as they cross: text, which most are, in a list. */
export interface PackedResults {
  /** Small bytes are there as the text of the same latin1 characters, because each buffer in a message is allocated anew. */
  readonly texts: readonly (string | undefined)[]
  /** Two numbers for each text that stands for bytes, in order of their positions: position and `textBytes`. Absent: none. */
  readonly bytes?: readonly number[] | undefined
  /** The results that are not text, in order of their positions. */
  readonly others: readonly (readonly [position: number, result: CrossingResult])[]
}

/** Bytes of results from this size on cross in a buffer of their own. */
export const inBufferFromBytes = 16_384

export function packResults(results: readonly CrossingResult[]): PackedResults {
  const texts: (string | undefined)[] = []
  const bytes: number[] = []
  const others: [number, CrossingResult][] = []
  for (const [position, result] of results.entries()) {
    const text = findText(result)
    texts.push(text)
    if (text === undefined) others.push([position, result])
    else if (result.kind === 'bytes') bytes.push(position, result.textBytes)
  }
  return { texts, bytes: bytes.length > 0 ? bytes : undefined, others }
}

function findText(result: CrossingResult): string | undefined {
  if (result.kind === 'encoded') return result.body
  if (!crossesAsText(result)) return undefined
  const { buffer, byteOffset, byteLength } = result.body
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('latin1')
}

/** Whether it is no body to transfer, although it is one of bytes. */
export function crossesAsText(result: CrossingResult): result is EncodedBytes {
  return result.kind === 'bytes' && result.body.byteLength < inBufferFromBytes
}

/** What the main thread adds to the results of a worker. */
interface ResultSources {
  /** The mark of every result that is no failure, where workers of the service may run on different providers. */
  readonly executionProvider: string | undefined
  readonly timings: (position: number) => Timings
  readonly rowCount: (position: number) => number
  /** Makes a stream of the port that a body comes over. */
  readonly receiveBody: (port: MessagePort) => ReadableStream<Uint8Array>
}

export function unpackResults(
  { texts, bytes = [], others }: PackedResults,
  { executionProvider, timings, rowCount, receiveBody }: ResultSources,
): InferenceResult[] {
  const mark = executionProvider === undefined ? undefined : { executionProvider }
  const results: InferenceResult[] = []
  let nextBytes = 0
  for (let position = 0; position < texts.length; position++) {
    const text = texts[position] as string
    const scored = { timings: timings(position), rowCount: rowCount(position), ...mark }
    if (bytes[nextBytes] !== position) results.push({ kind: 'encoded', body: text, ...scored })
    else {
      const textBytes = bytes[nextBytes + 1] as number
      results.push({ kind: 'bytes', body: Buffer.from(text, 'latin1'), textBytes, ...scored })
      nextBytes += 2
    }
  }
  for (const [position, result] of others) {
    const scored = { timings: timings(position), rowCount: rowCount(position), ...mark }
    if (result.kind === 'failure') results[position] = result
    else if (result.kind === 'bytes') results[position] = { ...result, ...scored }
    else if (result.kind === 'tensors')
      results[position] = { kind: 'tensors', outputs: unpackTensors(result.outputs), ...scored }
    else if (result.kind === 'response') {
      const body = result.body instanceof MessagePort ? receiveBody(result.body) : result.body
      results[position] = { ...result, body, ...scored }
    }
  }
  return results
}

/** Tensors as they cross: a message keeps no classes, copies the whole buffer behind a view, and holds float16 as its bits. */
type PackedTensors = Readonly<Record<string, Pick<Tensor, 'dtype' | 'shape' | 'data' | 'classes'>>>

export function packTensors(tensors: Feeds): PackedTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data, classes }]) => {
      const elements = data instanceof Float16Array ? halfBits(data) : data
      const isPart = ArrayBuffer.isView(elements) && elements.byteLength < elements.buffer.byteLength
      return [name, { dtype, shape, data: isPart ? elements.slice() : elements, classes }]
    }),
  )
}

/** @throws RangeError when the elements do not suit the shape */
function unpackTensors(packed: PackedTensors): Feeds {
  return Object.fromEntries(
    Object.entries(packed).map(([name, { dtype, shape, data, classes }]) => [
      name,
      new Tensor(dtype, dtype === 'float16' ? fromHalfBits(data as Uint16Array) : data, shape, classes),
    ]),
  )
}
