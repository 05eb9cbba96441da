/** The last stage: scores to words. A third of the patients of the data is above 171, and a third below 127. */
import type { Tensor } from 'scoring-functions'

export function run({ data }: { data: Tensor }) {
  return Array.from(data.data as Float64Array, score => ({
    score: Math.round(score),
    progress: score > 171 ? 'fast' : score < 127 ? 'slow' : 'usual',
  }))
}
