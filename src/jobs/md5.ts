import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** What a turn of the event loop takes of it: half a millisecond. */
const sliceBytes = 256 * 1024

/** @returns the checksum of some bytes (RFC 1321), calculated in slices, so that nobody waits for all of it */
export async function md5(content: Uint8Array): Promise<Uint8Array> {
  const hash = createHash('md5')
  for (let at = 0; at < content.byteLength; at += sliceBytes) {
    if (at > 0) await nextTurn()
    hash.update(content.subarray(at, at + sliceBytes))
  }
  return hash.digest()
}
