/** Limits of one request, whose body is copied to a worker. */
const maxRows = 1024
const maxCharacters = 2 ** 18
/** Target duration of a request. A cancelled job ends after it. */
const usualMs = 200
/** The same while the app has callers, who wait behind it. */
const besideCallersMs = 5
/** Rows that stay together even so, if they take less than `usualMs`: a script may take as long for one row as for all of them. */
const rowsTogether = 64

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
  adapt(rowCount: number, ms: number, hasCallers: boolean): void {
    const fitting = (time: number) => Math.floor((rowCount * time) / Math.max(ms, 0.01))
    const rows = hasCallers
      ? Math.max(fitting(besideCallersMs), Math.min(rowsTogether, fitting(usualMs)))
      : fitting(usualMs)
    this.#rows = Math.min(Math.max(1, rows), 2 * this.#rows, this.#maxRows)
  }
}
