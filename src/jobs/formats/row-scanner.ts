import type { CsvDialect } from '../csv-dialect.ts'
import type { InputFormat } from '../spec.ts'
import { CsvScanner } from './csv-scanner.ts'
import { JsonArrayScanner } from './json-array-scanner.ts'
import { JsonLinesScanner } from './json-lines-scanner.ts'

/**
 * Finds where the rows of a text begin and end, wherever its pieces are divided. It holds a few numbers between pieces and never the
 * text, because it reads every byte of an input when that is planned.
 *
 *     scanner.feed(piece)
 *     while (scanner.next()) use(scanner.start, scanner.end)
 */
export interface RowScanner {
  /** Start of the last row that was found, or of the open one; in bytes from the beginning of the text. */
  readonly start: number
  /** End of the last row that was found, without its line end or comma. */
  readonly end: number
  /** Line ends in the text from the first byte that was fed up to `start`, and up to `end`. */
  readonly startLine: number
  readonly endLine: number
  /** Whether a row has begun that ends in a later piece. */
  readonly isOpen: boolean
  feed(piece: Uint8Array): void
  /** Finds the next row. @returns false at the end of the piece. @throws InputUnreadable */
  next(): boolean
  /** Ends the text. @returns whether a row ended with it. @throws InputUnreadable */
  finish(): boolean
}

/** How rows stand in a text. */
export interface TextForm {
  readonly format: ChunkFormat
  /** Of a CSV. */
  readonly dialect?: CsvDialect | undefined
}

/**
 * @param offset  start of the first piece: the beginning of the text (after a byte order mark), or the end of a row
 * @param isResumed  whether it is the end of a row
 */
export function createScanner({ format, dialect }: TextForm, offset: number, isResumed: boolean): RowScanner {
  if (format === 'csv') return new CsvScanner(offset, dialect)
  if (format === 'json') return new JsonArrayScanner(offset, isResumed ? 'rest' : 'array')
  return new JsonLinesScanner(offset)
}

/** Scans the text of one chunk, which holds elements of a JSON array without its brackets. */
export function createChunkScanner(form: TextForm): RowScanner {
  return form.format === 'json' ? new JsonArrayScanner(0, 'elements') : createScanner(form, 0, true)
}

/** The format of a chunk's text. Rows of Parquet are written as JSON Lines. */
export function textFormat(format: InputFormat): ChunkFormat {
  return format === 'parquet' ? 'jsonl' : format
}

/** JSON Lines, records of a CSV without its header, or elements of a JSON array with commas between them. */
export type ChunkFormat = Exclude<InputFormat, 'parquet'>
