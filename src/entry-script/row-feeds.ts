import type { Feeds } from '../engine/model-session.ts'
import { concatRows, splitRows } from '../tensor/rows.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** Rows of a request: the first dimension of its first input. */
export function rowCountOf(feeds: Feeds): number {
  for (const name in feeds) return (feeds[name] as Tensor).rowCount
  return 0
}

/** Bytes that the inputs of a request take; text counts as two for each code unit. */
export function byteCountOf(feeds: Feeds): number {
  let bytes = 0
  for (const name in feeds) {
    const { data } = feeds[name] as Tensor
    if (ArrayBuffer.isView(data)) bytes += data.byteLength
    else for (const text of data) bytes += 2 * text.length
  }
  return bytes
}

/** Puts the rows of several requests under each other, input by input. */
export function joinFeeds(requests: readonly Feeds[]): Feeds {
  const [first] = requests
  if (requests.length === 1 && first) return first
  // Not by assignment: an input may be named `__proto__`.
  return Object.fromEntries(
    Object.keys(first ?? {}).map(name => [name, concatRows(requests.map(feeds => feeds[name] as Tensor))]),
  )
}

/** Cuts the rows of one request into runs of `maxRows` and what is left over, input by input, without copying numbers. */
export function sliceFeeds(feeds: Feeds, maxRows: number): { readonly feeds: Feeds; readonly rowCount: number }[] {
  const rowCount = rowCountOf(feeds)
  const counts = Array.from({ length: Math.ceil(rowCount / maxRows) }, (_, index) =>
    Math.min(maxRows, rowCount - index * maxRows),
  )
  const cut = Object.entries(feeds).map(([name, tensor]) => [name, splitRows(tensor, counts)] as const)
  return counts.map((count, index) => ({
    feeds: Object.fromEntries(cut.map(([name, parts]) => [name, parts[index] as Tensor])),
    rowCount: count,
  }))
}
