import type { Timings } from '../../scheduling/inference-result.ts'

/**
 * `Server-Timing` of an answer: milliseconds in the queue, in the dispatch to a worker while others had their turn, reading
 * the inputs, in the run and writing the answer (W3C Server Timing, section 3). Browsers keep timings from pages of other
 * origins, unless the answer names theirs (Resource Timing, section 4.5).
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

/** Milliseconds, rounded to a microsecond. */
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
