/** Rows of the first piece for a service of which nothing is known: a run or two. */
const firstRows = 64
const mostRows = 16_384
/** What a piece takes on its thread, in milliseconds. Callers of the service wait behind it. */
const usualMs = 4
/** Behind many callers few pieces have their turn, so that each has to be larger. */
const mostMs = 100

/** Chooses how many rows of text are sent to a thread at a time, by the durations of the previous ones. */
export class PieceSize {
  /** Rows of the next piece. */
  rows = firstRows
  readonly #mostRows: number

  /** @param serviceMaxRows  most rows that the service takes in one request */
  constructor(serviceMaxRows: number) {
    this.#mostRows = Math.min(mostRows, serviceMaxRows)
    this.rows = Math.min(firstRows, this.#mostRows)
  }

  /** @param queueMs  how long the piece waited for its turn */
  adapt(rowCount: number, { ms, queueMs }: { readonly ms: number; readonly queueMs: number }): void {
    const targetMs = Math.min(mostMs, Math.max(usualMs, queueMs / 10))
    const fitting = Math.floor((rowCount * targetMs) / Math.max(ms, 0.01))
    this.rows = Math.max(1, Math.min(fitting, 4 * this.rows, this.#mostRows))
  }
}
