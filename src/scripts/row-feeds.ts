import type { Feeds, TensorInfo } from '../models/session/model-session.ts'
import { concatRows, type Storage, sliceRows, splitRows } from '../tensor/rows.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** Returns the number of rows of a request: the largest of its inputs. */
export function countRows(feeds: Feeds): number {
  let most = 0
  for (const name in feeds) most = Math.max(most, (feeds[name] as Tensor).rowCount)
  return most
}

/** Describes two inputs with different numbers of rows; undefined when all have the same. */
export function describeUnequalRows(feeds: Feeds, inputs: readonly TensorInfo[]): string | undefined {
  const counts = inputs.flatMap(({ name }) => {
    const rows = feeds[name]?.shape[0]
    return rows === undefined ? [] : [{ name, rows }]
  })
  const [first] = counts
  const other = counts.find(({ rows }) => rows !== first?.rows)
  if (!first || !other) return undefined
  return `"${first.name}" has ${formatRowCount(first.rows)}, "${other.name}" has ${other.rows}`
}

function formatRowCount(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`
}

/**
 * Concatenates the rows of several requests, input by input.
 *
 * @param storageFor  gives memory for the rows of an input; absent: they get memory of their own
 */
export function joinFeeds(requests: readonly Feeds[], storageFor?: (name: string) => Storage): Feeds {
  const [first] = requests
  if (requests.length === 1 && first) return first
  return Object.fromEntries(
    Object.keys(first ?? {}).map(name => {
      const parts = requests.map(feeds => feeds[name] as Tensor)
      return [name, concatRows(parts, 0, storageFor?.(name))]
    }),
  )
}

/** Takes rows `from` up to but not including `to` of each input, without copying numbers. */
export function takeRows(feeds: Feeds, from: number, to: number): Feeds {
  return Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, sliceRows(tensor, from, to)]))
}

/**
 * Splits the rows of one request into slices of `maxRows` and the rest, input by input, without copying numbers.
 *
 * @param feeds  inputs with the same number of rows each
 */
export function sliceFeeds(feeds: Feeds, maxRows: number): { readonly feeds: Feeds; readonly rowCount: number }[] {
  const rowCount = countRows(feeds)
  const counts = Array.from({ length: Math.ceil(rowCount / maxRows) }, (_, index) =>
    Math.min(maxRows, rowCount - index * maxRows),
  )
  const cut = Object.entries(feeds).map(([name, tensor]) => [name, splitRows(tensor, counts)] as const)
  return counts.map((count, index) => ({
    feeds: Object.fromEntries(cut.map(([name, slices]) => [name, slices[index] as Tensor])),
    rowCount: count,
  }))
}
