/** Most rows, and characters of them, in one request: its body is copied to a thread, not moved. */
const mostRows = 1024
const mostCharacters = 2 ** 18
/** A request of a job runs about so long: callers wait behind it, and a job that is cancelled ends after it. */
const aimMs = 200

/** How many rows go in one request of a service, found from how long the last ones ran. */
export class RequestSize {
  /** A service may take a minute for one row: nothing is known of it yet. */
  #rows = 1
  readonly #mostRows: number

  /** @param maxRows  what the service takes in one request */
  constructor(maxRows: number) {
    this.#mostRows = Math.min(mostRows, maxRows)
  }

  /** How many of `rows`, from `start` on, make the next request: one at least. */
  take(rows: readonly { readonly json: string }[], start: number): number {
    const most = Math.min(this.#rows, this.#mostRows, rows.length - start)
    let count = 1
    let characters = rows[start]?.json.length ?? 0
    for (; count < most; count++) {
      characters += rows[start + count]?.json.length ?? 0
      if (characters > mostCharacters) break
    }
    return count
  }

  /** @param ms  that their run took */
  ran(rowCount: number, ms: number): void {
    const fitting = Math.max(1, Math.floor((rowCount * aimMs) / Math.max(ms, 0.01)))
    this.#rows = Math.min(fitting, 2 * this.#rows, this.#mostRows)
  }
}
