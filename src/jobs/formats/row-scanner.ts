import type { InputFormat } from '../spec.ts'
import { CsvScanner } from './csv-scanner.ts'
import { JsonArrayScanner } from './json-array-scanner.ts'
import { JsonLinesScanner } from './json-lines-scanner.ts'

/**
 * Finds where the rows of a text begin and end, whatever way its pieces are cut. Remembers a few numbers from piece to
 * piece, never the text: this is what runs over every byte of an input when it is planned.
 *
 *     scanner.feed(piece)
 *     while (scanner.next()) use(scanner.start, scanner.end)
 */
export interface RowScanner {
  /** Where the row begins that was found last, or the one that is open; in bytes from the beginning of the text. */
  readonly start: number
  /** Where the row ends that was found last, its line end or comma not counted. */
  readonly end: number
  /** A row has begun whose end is in a later piece. */
  readonly isOpen: boolean
  feed(piece: Uint8Array): void
  /** @returns false: the piece is used up. @throws InputUnreadable */
  next(): boolean
  /** The text ends here. @returns whether a row ended with it. @throws InputUnreadable */
  finish(): boolean
}

/**
 * @param offset  where in the text the first piece begins: at its beginning (after a byte order mark), or at the end of a row
 * @param isResumed  at the end of a row
 */
export function createScanner(format: ChunkFormat, offset: number, isResumed: boolean): RowScanner {
  if (format === 'csv') return new CsvScanner(offset)
  if (format === 'json') return new JsonArrayScanner(offset, isResumed ? 'rest' : 'array')
  return new JsonLinesScanner(offset)
}

/** For the text of one chunk, which has elements of a JSON array without its brackets. */
export function createChunkScanner(format: ChunkFormat): RowScanner {
  return format === 'json' ? new JsonArrayScanner(0, 'elements') : createScanner(format, 0, true)
}

/** In which format the bytes of one chunk are. */
export function textFormat(format: InputFormat): ChunkFormat {
  return format === 'parquet' ? 'jsonl' : format
}

/** JSON Lines; records of a CSV without its header; elements of a JSON array with the commas between them. */
export type ChunkFormat = Exclude<InputFormat, 'parquet'>
