import { isSameRowShape } from '../tensor/shape.ts'
import type { Feeds } from './model-session.ts'

/** A request that is decoded and waits for its run. */
export interface DecodedRequest {
  readonly index: number
  readonly feeds: Feeds
  readonly rowCount: number
  /** Of all feeds. */
  readonly byteCount: number
  /** It gives a value that others leave to the graph, so that its run is its own, and takes all its rows. */
  readonly isAlone?: boolean
}

/** What the inputs of one run may be. */
export interface RunLimits {
  readonly maxRows: number
  readonly maxBytes: number
}

/** Rows of a request that one run takes: at least one, however large it is. */
export function rowsPerRun({ rowCount, byteCount }: DecodedRequest, { maxRows, maxBytes }: RunLimits): number {
  return byteCount <= maxBytes ? maxRows : Math.max(1, Math.min(maxRows, Math.floor((maxBytes * rowCount) / byteCount)))
}

/**
 * The micro-batch rule: of the requests that wait, in order, those whose inputs agree in all but the first dimension
 * run together, up to `maxRows` rows and `maxBytes` bytes. A request that is larger on its own runs alone.
 *
 * @param isBatchable  false runs every request alone
 * @returns the runs, each with its requests in arrival order
 */
export function planMicroBatches<T extends DecodedRequest>(
  requests: readonly T[],
  { maxRows, maxBytes }: RunLimits,
  isBatchable: boolean,
): T[][] {
  if (!isBatchable) return requests.map(request => [request])
  const batches: { rows: number; bytes: number; requests: T[] }[] = []
  for (const request of requests) {
    const room = request.isAlone
      ? undefined
      : batches.find(
          batch =>
            !(batch.requests[0] as DecodedRequest).isAlone &&
            batch.rows + request.rowCount <= maxRows &&
            batch.bytes + request.byteCount <= maxBytes &&
            canShareRun((batch.requests[0] as DecodedRequest).feeds, request.feeds),
        )
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

function canShareRun(one: Feeds, other: Feeds): boolean {
  return Object.entries(one).every(([name, tensor]) => {
    const counterpart = other[name]
    return counterpart?.dtype === tensor.dtype && isSameRowShape(tensor.shape, counterpart.shape)
  })
}
