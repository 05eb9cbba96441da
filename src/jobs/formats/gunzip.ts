import { createGunzip } from 'node:zlib'
import { InputUnreadable, tooLarge } from '../failure.ts'

/** Of packed bytes; what one unpacks to is held at once, which is at most about a thousand times as much (deflate's best). */
const pieceBytes = 16 * 1024

/**
 * Unpacks gzip, of several members too; zeros after the last are padding.
 *
 * @param maxBytes  of the unpacked text
 * @throws InputUnreadable INPUT_NOT_GZIP, INPUT_TRUNCATED, INPUT_TOO_LARGE, each after what could be unpacked before
 */
export async function* unpack(packed: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: 128 * 1024 })
  const unpacked: Buffer[] = []
  let failure: NodeJS.ErrnoException | undefined
  gunzip.on('data', (piece: Buffer) => unpacked.push(piece))
  const over = new Promise<void>(resolve => {
    gunzip.on('end', resolve)
    gunzip.on('error', error => {
      failure = error
      resolve()
    })
  })
  let bytes = 0
  try {
    // How much comes out before a fault depends on how the input was cut: always the same way, so the plan is always the same.
    for await (const piece of inPieces(pieceBytes, packed)) {
      await Promise.race([new Promise<void>(resolve => gunzip.write(piece, () => resolve())), over])
      for (const text of unpacked.splice(0)) {
        bytes += text.length
        if (bytes > maxBytes) throw tooLarge(maxBytes)
        yield text
      }
      if (failure) break
    }
    gunzip.end()
    await over
    yield* unpacked
    if (failure) throw unreadable(failure, bytes)
  } finally {
    gunzip.destroy()
  }
}

function unreadable(cause: NodeJS.ErrnoException, bytes: number): InputUnreadable {
  if (cause.code === 'Z_BUF_ERROR') {
    return new InputUnreadable('INPUT_TRUNCATED', `the gzip file ends too early, after ${bytes} unpacked bytes`, {
      cause,
    })
  }
  const what = bytes === 0 ? 'the input is not gzip' : `the gzip file is damaged, after about ${bytes} unpacked bytes`
  return new InputUnreadable('INPUT_NOT_GZIP', `${what} (${cause.message})`, { cause })
}

/** The same bytes in pieces of one size; the last may be shorter. */
async function* inPieces(size: number, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let open = Buffer.allocUnsafe(size)
  let filled = 0
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const taken = piece.subarray(at, at + size - filled)
      open.set(taken, filled)
      filled += taken.length
      at += taken.length
      if (filled < size) continue
      yield open
      open = Buffer.allocUnsafe(size)
      filled = 0
    }
  }
  if (filled > 0) yield open.subarray(0, filled)
}
