import type { Feeds } from '../models/session/model-session.ts'
import { isSameRowShape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** A request that is decoded and not run yet. */
export interface DecodedRequest {
  readonly index: number
  readonly feeds: Feeds
  /** Rows of the input that has the most. */
  readonly rowCount: number
  /** Its rows may share a run with those of others, and be spread over several runs: all inputs have `rowCount` rows, at least one. */
  readonly mayShare: boolean
  /** Bytes of all inputs. */
  readonly byteCount: number
}

/** The most that one run takes. */
export interface RunLimits {
  readonly maxRows: number
  readonly maxBytes: number
}

/** Whether the request has to run in slices, and may: it has more rows, or more bytes in several rows, than one run takes. */
export function isOversize(request: DecodedRequest, limits: RunLimits): boolean {
  return request.mayShare && request.rowCount > rowsPerRun(request, limits)
}

/** How many rows of a request one run takes: at least one, however large it is. */
export function rowsPerRun({ rowCount, byteCount }: DecodedRequest, { maxRows, maxBytes }: RunLimits): number {
  return byteCount <= maxBytes ? maxRows : Math.max(1, Math.min(maxRows, Math.floor((maxBytes * rowCount) / byteCount)))
}

/**
 * Applies the micro-batch rule: requests that may share a run, and whose inputs agree in all but the first dimension, run
 * together, in order, up to `maxRows` rows and `maxBytes` bytes. A request that exceeds a limit by itself shares no run.
 *
 * @returns the runs, each with its requests in arrival order
 */
export function planMicroBatches<T extends DecodedRequest>(
  requests: readonly T[],
  { maxRows, maxBytes }: RunLimits,
): T[][] {
  const batches: { rows: number; bytes: number; requests: T[] }[] = []
  for (const request of requests) {
    const batch = request.mayShare
      ? batches.find(
          ({ rows, bytes, requests }) =>
            rows + request.rowCount <= maxRows &&
            bytes + request.byteCount <= maxBytes &&
            canShareRun(requests[0] as DecodedRequest, request),
        )
      : undefined
    if (batch) {
      batch.requests.push(request)
      batch.rows += request.rowCount
      batch.bytes += request.byteCount
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
