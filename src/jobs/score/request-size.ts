/** Limits of one request, whose body is copied to a worker. */
const maxRows = 1024
const maxCharacters = 2 ** 18
/** Target duration of a request. HTTP callers wait behind it, and a cancelled job ends after it. */
const targetMs = 200

/** Chooses how many rows are sent in one request, by the duration of the previous ones. */
export class RequestSize {
  /** Starts with one row, which may take a minute: nothing is known of the service yet. */
  #rows = 1
  readonly #maxRows: number

  /** @param serviceMaxRows  most rows that the service takes in one request */
  constructor(serviceMaxRows: number) {
    this.#maxRows = Math.min(maxRows, serviceMaxRows)
  }

  /** Number of rows from `start` on that make the next request; at least one. */
  take(rows: readonly { readonly json: string }[], start: number): number {
    const limit = Math.min(this.#rows, this.#maxRows, rows.length - start)
    let count = 1
    let characters = rows[start]?.json.length ?? 0
    for (; count < limit; count++) {
      characters += rows[start + count]?.json.length ?? 0
      if (characters > maxCharacters) break
    }
    return count
  }

  /** Adapts the size to a request that took `ms`. */
  adapt(rowCount: number, ms: number): void {
    const fitting = Math.max(1, Math.floor((rowCount * targetMs) / Math.max(ms, 0.01)))
    this.#rows = Math.min(fitting, 2 * this.#rows, this.#maxRows)
  }
}
