/** A piece of an input that one message covers; a pure function of the input's bytes and the spec. */
export interface PlannedChunk {
  /** By its number in the whole job, from 0. */
  readonly chunk: number
  /** Index of its first row in the whole input, from 0. */
  readonly firstRow: number
  readonly rowCount: number
  /** Bytes of the input text (unpacked, if it is packed): from `start`, up to but not with `end`. */
  readonly start: number
  readonly end: number
  /** The chunk's own text, where the input cannot be read in ranges (packed, Parquet): in the format `chunkFormat`. */
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

/** The input cannot be read as what it is said to be; rows before that are fine. */
export class InputUnreadable extends Error {
  override readonly name = 'InputUnreadable'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
