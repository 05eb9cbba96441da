import { InputUnreadable, tooLarge } from '../failure.ts'

/** Byte order marks; what spreadsheets call "Unicode text" has the first one. */
const marks = [
  { bytes: Buffer.from([0xff, 0xfe]), encoding: 'utf-16le' },
  { bytes: Buffer.from([0xfe, 0xff]), encoding: 'utf-16be' },
] as const

export type Utf16 = (typeof marks)[number]['encoding']

/** @returns undefined when the text does not begin with a mark of UTF-16 */
export function utf16Encoding(head: Uint8Array): Utf16 | undefined {
  return marks.find(({ bytes }) => bytes.equals(head.subarray(0, bytes.length)))?.encoding
}

/**
 * Decodes a text as it arrives.
 *
 * @returns the same in UTF-8, without its mark
 * @throws InputUnreadable INPUT_NOT_UTF8, INPUT_TOO_LARGE
 */
export async function* decodeUtf16(
  pieces: AsyncIterable<Uint8Array>,
  encoding: Utf16,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  let bytes = 0
  const decode = (piece?: Uint8Array) => {
    try {
      const text = Buffer.from(piece ? decoder.decode(piece, { stream: true }) : decoder.decode())
      bytes += text.byteLength
      return text
    } catch (cause) {
      const where = `after ${bytes} bytes of its text`
      throw new InputUnreadable('INPUT_NOT_UTF8', `the input begins as UTF-16, but is none ${where}`, { cause })
    }
  }
  for await (const piece of pieces) {
    const text = decode(piece)
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    yield text
  }
  yield decode()
}
