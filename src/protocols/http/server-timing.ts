import type { Timings } from '../../scheduling/inference-result.ts'

/**
 * Returns the `Server-Timing` of an answer: milliseconds in the queue, waiting for others of the same dispatch, decoding,
 * running and encoding (W3C Server Timing, section 3). Browsers only show timings to pages of other origins that the answer
 * names (Resource Timing, section 4.5).
 *
 * @param headers  of the answer so far, with what CORS says
 */
export function encodeServerTiming(
  { queueMs, batchMs, decodeMs, runMs, encodeMs }: Timings,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  const timing = `queue;dur=${toMicroseconds(queueMs)}, batch;dur=${toMicroseconds(batchMs)}, decode;dur=${toMicroseconds(decodeMs)}, run;dur=${toMicroseconds(runMs)}, encode;dur=${toMicroseconds(encodeMs)}`
  const origin = headers['access-control-allow-origin']
  return { 'server-timing': timing, ...(origin !== undefined && { 'timing-allow-origin': origin }) }
}

/** Rounds milliseconds to a microsecond. */
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
