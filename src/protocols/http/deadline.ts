import { ScoringError } from '../../errors.ts'
import type { CallDeadline } from '../../scheduling/request-queue.ts'
import type { WireRequest } from './wire.ts'

/**
 * How long a caller waits for the answer, in milliseconds from the arrival of the headers. Clients of Azure ML send no
 * such header, and no name is common to scoring servers, so it has the word by which Azure ML calls its own limit
 * (`scoring_timeout_ms`). Not `grpc-timeout`, nor `x-envoy-upstream-rq-timeout-ms`: proxies act on those themselves.
 */
const timeoutHeader = 'x-scoring-timeout-ms'

/** Ten digits of milliseconds are 115 days: longer than any limit. */
const wholeNumber = /^0*[1-9]\d{0,9}$/

/**
 * Reads how long the caller waits. More than the service's own limit changes nothing.
 *
 * @param since  when the headers arrived, as `performance.now()`
 * @returns undefined when the caller does not say
 * @throws ScoringError HEADER_INVALID
 */
export function readDeadline(headers: WireRequest['headers'], since: number): CallDeadline | undefined {
  const given = headers.get(timeoutHeader)
  if (given === null) return undefined
  if (!wholeNumber.test(given)) {
    throw new ScoringError(
      'HEADER_INVALID',
      `the header ${timeoutHeader} must be a whole number of milliseconds from 1 to 9999999999, e.g. 500`,
    )
  }
  return { timeoutMs: Number(given), since }
}
