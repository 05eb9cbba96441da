/** The part of an input that one message covers: a pure function of the input's bytes and the spec. */
export interface PlannedChunk {
  /** Number of the chunk in the whole job, from 0. */
  readonly chunk: number
  /** Index of its first row in the whole input, from 0. */
  readonly firstRow: number
  readonly rowCount: number
  /** Bytes of the text from `start`, up to but not including `end`: of the decompressed input, or of the JSON Lines of a Parquet file. */
  readonly start: number
  readonly end: number
  /** The chunk's own text in the format `textFormat`, if the input cannot be read in ranges (gzip, Parquet). */
  readonly content?: Uint8Array
}

/** The position at which planning continues. All rows before it are in chunks. */
export interface PlanCursor {
  readonly chunk: number
  readonly row: number
  /** Bytes from the start of the (decompressed) text. */
  readonly offset: number
  /** Column names of a CSV. */
  readonly columns?: readonly string[]
}

export const planStart: PlanCursor = { chunk: 0, row: 0, offset: 0 }
