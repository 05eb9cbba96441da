import type { ByteRange } from '../blob-store.ts'
import { InputUnreadable, tooLarge } from '../failure.ts'
import { gunzip } from './gunzip.ts'
import { decodeUtf16, utf16Encoding } from './utf16.ts'

/** First bytes of files that are not UTF-8 text. Without this check, each of their lines would be a failed row. */
const otherFiles: readonly { readonly begins: readonly Buffer[]; readonly what: string }[] = [
  // First, because its marks have bytes of those of UTF-16.
  { begins: [Buffer.from([0xff, 0xfe, 0, 0]), Buffer.from([0, 0, 0xfe, 0xff])], what: 'UTF-32; save it as UTF-8' },
  // RFC 1952, section 2.3.1
  { begins: [Buffer.from([0x1f, 0x8b])], what: 'gzip; use a name that ends with .gz, or set "isGzip": true' },
  // APPNOTE.TXT, section 4.3.7: also .xlsx
  {
    begins: [Buffer.from([0x50, 0x4b, 0x03])],
    what: 'a zip archive or an Excel workbook; save it as text, plain or gzipped',
  },
  // Apache Parquet, "File format": then a header in Thrift's compact protocol, whose first member is an i32
  {
    begins: [Buffer.from('PAR1\x15')],
    what: 'a Parquet file; use a name that ends with .parquet, or set "format": "parquet"',
  },
]

const longestBegin = Math.max(...otherFiles.flatMap(({ begins }) => begins.map(({ length }) => length)))

/** Reads the pinned version of the input, or a range of it. */
export type ReadInput = (range?: ByteRange) => AsyncIterable<Uint8Array>

export interface TextSource {
  readonly read: ReadInput
  /** Size of the input as stored. */
  readonly bytes: number
  readonly isGzip: boolean
  /** Largest decompressed text. */
  readonly maxInputBytes: number
  /** UTF-16 is decoded: `begin` for a text that begins with its mark, `always` for one that was found to. Absent: it is refused. */
  readonly decodes?: 'begin' | 'always' | undefined
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

export interface OpenText {
  readonly pieces: AsyncIterable<Uint8Array>
  /** Of the first piece: behind a byte order mark. */
  readonly offset: number
  /** The text was UTF-16; offsets are those of UTF-8. */
  readonly isDecoded?: true
}

/**
 * Opens the text at an offset.
 *
 * @throws InputUnreadable
 */
export async function openText(source: TextSource, offset: number): Promise<OpenText> {
  if (offset > 0 && source.decodes !== 'always') return { pieces: piecesFrom(source, offset), offset }
  const pieces = piecesFrom(source, 0)
  const iterator = pieces[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  let head = Buffer.alloc(0)
  while (head.length < longestBegin) {
    const next = await iterator.next()
    if (next.done) break
    first.push(next.value)
    head = Buffer.concat(first)
  }
  const found = otherFiles.find(({ begins }) => begins.some(each => head.subarray(0, each.length).equals(each)))
  const encoding = found ? undefined : utf16Encoding(head)
  if (encoding && source.decodes) {
    const decoded = decodeUtf16(joined(head, iterator), encoding, source.maxInputBytes)
    return { pieces: after(offset, decoded), offset, isDecoded: true }
  }
  const what =
    found?.what ??
    (encoding ? 'UTF-16; save it as UTF-8' : isUtf16(head) ? 'UTF-16 without a mark; save it as UTF-8' : undefined)
  if (what !== undefined) {
    await iterator.return?.()
    throw new InputUnreadable('INPUT_NOT_UTF8', `the input is ${what}`)
  }
  const begin = head.subarray(0, byteOrderMark.length).equals(byteOrderMark) ? byteOrderMark.length : 0
  return { pieces: joined(head.subarray(begin), iterator), offset: begin }
}

/** Text of ASCII in UTF-16 has a zero in every other byte, and other text has none. */
function isUtf16(head: Uint8Array): boolean {
  if (head.length < 4) return false
  const [even, odd] = [0, 1].map(first => [head[first], head[first + 2]].every(byte => byte === 0))
  return even !== odd
}

async function* piecesFrom({ read, bytes, isGzip, maxInputBytes }: TextSource, offset: number) {
  if (isGzip) return yield* after(offset, gunzip(read(), maxInputBytes))
  if (bytes > maxInputBytes) throw tooLarge(maxInputBytes)
  // Storage refuses a range that begins at the end.
  if (offset < bytes) yield* read({ start: offset })
}

async function* after(offset: number, pieces: AsyncIterable<Uint8Array>) {
  let left = offset
  for await (const piece of pieces) {
    if (piece.length > left) yield left > 0 ? piece.subarray(left) : piece
    left = Math.max(left - piece.length, 0)
  }
}

async function* joined(head: Uint8Array, rest: AsyncIterator<Uint8Array>) {
  try {
    yield head
    for (;;) {
      const next = await rest.next()
      if (next.done) return
      yield next.value
    }
  } finally {
    await rest.return?.()
  }
}
