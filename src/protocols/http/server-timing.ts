import type { ScoringAnswer } from '../../scheduling/dispatch.ts'

/**
 * `Server-Timing` of an answer: milliseconds in the queue, in the dispatch to a thread while others had their turn,
 * reading the inputs, in the run and writing the answer. (W3C Server Timing, section 3)
 *
 * @returns undefined for an error
 */
export function encodeServerTiming(answer: ScoringAnswer): string | undefined {
  if ('code' in answer || !answer.times) return undefined
  const { queueMs, batchMs, decodeMs, encodeMs } = answer.times
  return `queue;dur=${rounded(queueMs)}, batch;dur=${rounded(batchMs)}, decode;dur=${rounded(decodeMs)}, run;dur=${rounded(answer.execMs)}, encode;dur=${rounded(encodeMs)}`
}

/** To a microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
