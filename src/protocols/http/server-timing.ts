import type { InferenceResult } from '../../scheduling/inference-result.ts'

/**
 * Returns the `Server-Timing` of an answer: milliseconds in the queue, waiting for others of the same dispatch, decoding,
 * running and encoding. (W3C Server Timing, section 3)
 *
 * @returns undefined for an error
 */
export function encodeServerTiming(answer: InferenceResult): string | undefined {
  if (answer.kind === 'failure') return undefined
  const { queueMs, batchMs, decodeMs, runMs, encodeMs } = answer.timings
  return `queue;dur=${rounded(queueMs)}, batch;dur=${rounded(batchMs)}, decode;dur=${rounded(decodeMs)}, run;dur=${rounded(runMs)}, encode;dur=${rounded(encodeMs)}`
}

/** Rounds to a microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
