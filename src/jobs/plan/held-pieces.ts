/** Holds the pieces of a text as they pass, until their bytes are taken or skipped. */
export class HeldPieces {
  readonly #held: { readonly start: number; readonly piece: Uint8Array }[] = []
  #end: number
  readonly #maxBytes: number

  /**
   * @param offset  of the first piece in the text
   * @param maxBytes  beyond which the first pieces are dropped: a row may be as long as the text
   */
  constructor(offset: number, maxBytes: number) {
    this.#end = offset
    this.#maxBytes = maxBytes
  }

  async *through(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.#held.push({ start: this.#end, piece })
      this.#end += piece.byteLength
      while (this.#end - (this.#held[0]?.start ?? this.#end) > this.#maxBytes) this.#held.shift()
      yield piece
    }
  }

  /** @returns the bytes between two offsets, in memory that pieces share; undefined when some were dropped */
  take(start: number, end: number): Uint8Array[] | undefined {
    const isWhole = this.#held[0] !== undefined && this.#held[0].start <= start
    const taken = this.#held
      .filter(each => each.start < end && each.start + each.piece.byteLength > start)
      .map(each => each.piece.subarray(Math.max(0, start - each.start), end - each.start))
    const open = this.#held.findIndex(each => each.start + each.piece.byteLength > end)
    this.#held.splice(0, open < 0 ? this.#held.length : open)
    return isWhole ? taken : undefined
  }
}
