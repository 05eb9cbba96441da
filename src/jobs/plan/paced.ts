import { setTimeout as delay } from 'node:timers/promises'

/** So long a reader works without a rest, in milliseconds. */
const spellMs = 4
const longestRestMs = 20

/**
 * Reads at half the speed while callers wait for answers: an input comes as fast as the storage sends it, and the thread that receives
 * their requests has all of it to take in.
 *
 * @param hasCallers  whether there are callers now
 */
export async function* paced(
  pieces: AsyncIterable<Uint8Array>,
  hasCallers: () => boolean,
): AsyncGenerator<Uint8Array, void> {
  let since = performance.now()
  for await (const piece of pieces) {
    yield piece
    const took = performance.now() - since
    if (took < spellMs) continue
    if (hasCallers()) await delay(Math.min(took, longestRestMs))
    since = performance.now()
  }
}
