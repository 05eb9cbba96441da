import { createGunzip } from 'node:zlib'
import { InputUnreadable, tooLarge } from '../failure.ts'

/** Compressed bytes of one piece. The text of a piece is held at once: at most about a thousand times as much (deflate). */
const pieceBytes = 16 * 1024

/**
 * Decompresses gzip, also of several members. Zeros after the last are padding.
 *
 * @param maxBytes  largest decompressed text
 * @throws InputUnreadable INPUT_NOT_GZIP, INPUT_TRUNCATED, INPUT_TOO_LARGE, after all text before the fault
 */
export async function* gunzip(packed: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  const stream = createGunzip({ chunkSize: 128 * 1024 })
  const unpacked: Buffer[] = []
  let failure: NodeJS.ErrnoException | undefined
  stream.on('data', (piece: Buffer) => unpacked.push(piece))
  const over = new Promise<void>(resolve => {
    stream.on('end', resolve)
    stream.on('error', error => {
      failure = error
      resolve()
    })
  })
  let bytes = 0
  let hasMagic: boolean | undefined
  try {
    // The amount of text before a fault depends on the pieces. With pieces of one size, the plan is always the same.
    for await (const piece of inPieces(pieceBytes, packed)) {
      hasMagic ??= piece.subarray(0, magic.length).equals(magic)
      await Promise.race([new Promise<void>(resolve => stream.write(piece, () => resolve())), over])
      for (const text of unpacked.splice(0)) {
        bytes += text.length
        if (bytes > maxBytes) throw tooLarge(maxBytes)
        yield text
      }
      if (failure) break
    }
    stream.end()
    await over
    yield* unpacked
    if (failure) throw unreadable(failure, { bytes, hasMagic: hasMagic === true })
  } finally {
    stream.destroy()
  }
}

/** RFC 1952, section 2.3.1 */
const magic = Buffer.from([0x1f, 0x8b])

function unreadable(
  cause: NodeJS.ErrnoException,
  { bytes, hasMagic }: { readonly bytes: number; readonly hasMagic: boolean },
): InputUnreadable {
  if (cause.code === 'Z_BUF_ERROR') {
    return new InputUnreadable('INPUT_TRUNCATED', `the gzip file ends too early, after ${bytes} decompressed bytes`, {
      cause,
    })
  }
  return new InputUnreadable('INPUT_NOT_GZIP', describeDamage(cause.message, { bytes, hasMagic }), { cause })
}

/** @param reason  zlib's words */
function describeDamage(reason: string, { bytes, hasMagic }: { bytes: number; hasMagic: boolean }): string {
  if (!hasMagic) return 'the input is not gzip'
  if (reason === 'incorrect header check') return 'behind the end of the gzip file are bytes that are no gzip'
  if (/incorrect (data|length) check/.test(reason))
    return 'the gzip file is damaged: its text does not have its checksum'
  return `the gzip file is damaged, after about ${bytes} decompressed bytes (${reason})`
}

/** Yields the same bytes in pieces of one size; the last may be shorter. */
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
