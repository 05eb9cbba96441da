import type { Feeds } from '../models/session/model-session.ts'
import { isSameRowShape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** A request that is decoded and waits for its run. */
export interface DecodedRequest {
  readonly index: number
  readonly feeds: Feeds
  /** The most that a feed has. */
  readonly rowCount: number
  /** Its rows may be in a run with those of others, and in several runs: all feeds have `rowCount` rows, at least one. */
  readonly mayShare: boolean
  /** Of all feeds. */
  readonly byteCount: number
}

/** What the inputs of one run may be. */
export interface RunLimits {
  readonly maxRows: number
  readonly maxBytes: number
}

/** It may run in slices, and has more rows, or more bytes in several rows, than one run takes. */
export function isOversize(request: DecodedRequest, limits: RunLimits): boolean {
  return request.mayShare && request.rowCount > rowsPerRun(request, limits)
}

/** Rows of a request that one run takes: at least one, however large it is. */
export function rowsPerRun({ rowCount, byteCount }: DecodedRequest, { maxRows, maxBytes }: RunLimits): number {
  return byteCount <= maxBytes ? maxRows : Math.max(1, Math.min(maxRows, Math.floor((maxBytes * rowCount) / byteCount)))
}

/**
 * The micro-batch rule: of the requests that wait, in order, those that may share a run and whose inputs agree in all but
 * the first dimension run together, up to `maxRows` rows and `maxBytes` bytes. A request that is larger on its own runs alone.
 *
 * @returns the runs, each with its requests in arrival order
 */
export function planMicroBatches<T extends DecodedRequest>(
  requests: readonly T[],
  { maxRows, maxBytes }: RunLimits,
): T[][] {
  const batches: { rows: number; bytes: number; requests: T[] }[] = []
  for (const request of requests) {
    const room = request.mayShare
      ? batches.find(
          batch =>
            batch.rows + request.rowCount <= maxRows &&
            batch.bytes + request.byteCount <= maxBytes &&
            canShareRun(batch.requests[0] as DecodedRequest, request),
        )
      : undefined
    if (room) {
      room.requests.push(request)
      room.rows += request.rowCount
      room.bytes += request.byteCount
    } else {
      batches.push({ rows: request.rowCount, bytes: request.byteCount, requests: [request] })
    }
  }
  return batches.map(batch => batch.requests)
}

function canShareRun(one: DecodedRequest, other: DecodedRequest): boolean {
  if (!one.mayShare) return false
  const names = Object.keys(one.feeds)
  return (
    names.length === Object.keys(other.feeds).length &&
    names.every(name => {
      const tensor = one.feeds[name] as Tensor
      const counterpart = other.feeds[name]
      return counterpart?.dtype === tensor.dtype && isSameRowShape(tensor.shape, counterpart.shape)
    })
  )
}
