import type { Feeds } from '../engine/model-session.ts'
import { concatRows } from '../tensor/rows.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** Rows of a request: the first dimension of its first input. */
export function rowCountOf(feeds: Feeds): number {
  for (const name in feeds) return (feeds[name] as Tensor).rowCount
  return 0
}

/** Puts the rows of several requests under each other, input by input. */
export function joinFeeds(requests: readonly Feeds[]): Feeds {
  const [first] = requests
  if (requests.length === 1 && first) return first
  const joined: Record<string, Tensor> = {}
  for (const name in first) joined[name] = concatRows(requests.map(feeds => feeds[name] as Tensor))
  return joined
}
