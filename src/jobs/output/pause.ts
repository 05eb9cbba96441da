import { setImmediate as nextTurn } from 'node:timers/promises'

/** Gives callers over HTTP their turn after so many items. */
export async function* pauseEach<Item>(
  count: number,
  items: Iterable<Item> | AsyncIterable<Item>,
): AsyncGenerator<Item> {
  let at = 0
  for await (const item of items) {
    yield item
    if (++at % count === 0) await nextTurn()
  }
}
