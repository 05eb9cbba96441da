import { ScoringError } from '../../errors.ts'
import type { CallDeadline } from '../../scheduling/request-queue.ts'

/** Milliseconds of each unit ("gRPC over HTTP2", TimeoutUnit). */
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/**
 * Reads how long the caller waits.
 *
 * @param timeout  the header `grpc-timeout`, e.g. `5S` or `999940u`
 * @param since  when the headers arrived, as `performance.now()`
 * @throws ScoringError HEADER_INVALID
 */
export function readGrpcDeadline(timeout: string | null, since: number): CallDeadline | undefined {
  if (timeout === null) return undefined
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(timeout) ?? []
  if (digits === undefined || unit === undefined) {
    throw new ScoringError(
      'HEADER_INVALID',
      'the header grpc-timeout must be up to 8 digits and one of the units H, M, S, m, u, n, e.g. 500m',
    )
  }
  // The scheduler counts in milliseconds, and messages show them.
  return { timeoutMs: Math.max(1, Math.round(Number(digits) * (unitMs[unit] as number))), since }
}
