import type { InferenceResult } from '../../scheduling/inference-result.ts'

/**
 * `Server-Timing` of an answer: milliseconds in the queue, in the dispatch to a thread while others had their turn,
 * reading the inputs, in the run and writing the answer. (W3C Server Timing, section 3)
 *
 * @returns undefined for an error
 */
export function encodeServerTiming(answer: InferenceResult): string | undefined {
  if (answer.kind === 'failure') return undefined
  const { queueMs, batchMs, decodeMs, runMs, encodeMs } = answer.timings
  return `queue;dur=${rounded(queueMs)}, batch;dur=${rounded(batchMs)}, decode;dur=${rounded(decodeMs)}, run;dur=${rounded(runMs)}, encode;dur=${rounded(encodeMs)}`
}

/** To a microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
