/** A piece of an input that one message covers; a pure function of the input's bytes and the spec. */
export interface PlannedChunk {
  /** By its number in the whole job, from 0. */
  readonly chunk: number
  /** Index of its first row in the whole input, from 0. */
  readonly firstRow: number
  readonly rowCount: number
  /** Bytes of the input text (unpacked, if it is packed; as JSON Lines, if it is Parquet): from `start`, up to but not with `end`. */
  readonly start: number
  readonly end: number
  /** The chunk's own text, where the input cannot be read in ranges (packed, Parquet): in the format `textFormat` tells. */
  readonly content?: Uint8Array
}

/** Where planning goes on: all before it is in chunks. */
export interface PlanCursor {
  readonly chunk: number
  readonly row: number
  /** In the (unpacked) text. */
  readonly offset: number
  /** Header of a CSV. */
  readonly columns?: readonly string[]
}

export const planStart: PlanCursor = { chunk: 0, row: 0, offset: 0 }
