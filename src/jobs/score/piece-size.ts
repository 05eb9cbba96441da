const mostRows = 16_384
/** What a piece takes on its thread, in milliseconds. It has a cost of its own, whatever it holds. */
const usualMs = 8
/** The same while the app has callers, who wait behind it. */
const besideCallersMs = 1
/** Behind many callers few pieces have their turn, so that each has to be larger: it takes this part of the time that the one before waited. */
const waitedShare = 0.02
const mostMs = 100
/** What a piece of a single run may take. Slow models gain most by rows that run together. */
const runMs = 200

/** Part of the latest piece in the mean of all. */
const latestShare = 0.2

interface ScoredPieceTimes {
  /** Of its text. */
  readonly bytes: number
  readonly ms: number
  readonly queueMs: number
  readonly hasCallers: boolean
}

/** Chooses how many rows of text are sent to a thread at a time, by the durations of the previous ones. */
export class PieceSize {
  /** Rows of the next piece: at first one, which may take a minute, as nothing is known of the service yet. */
  rows = 1
  /** Mean speed of the latest pieces; undefined: there was none. */
  bytesPerMs: number | undefined
  readonly #mostRows: number
  readonly #rowsPerRun: number

  /**
   * @param serviceMaxRows  most rows that the service takes in one request
   * @param rowsPerRun  most rows that it runs together
   */
  constructor(serviceMaxRows: number, rowsPerRun: number) {
    this.#mostRows = Math.min(mostRows, serviceMaxRows)
    this.#rowsPerRun = rowsPerRun
  }

  /** Adapts the size to a piece that took `ms`, after it had waited `queueMs` for its turn. */
  adapt(rowCount: number, { bytes, ms, queueMs, hasCallers }: ScoredPieceTimes): void {
    const speed = bytes / Math.max(ms, 0.01)
    this.bytesPerMs = this.bytesPerMs === undefined ? speed : this.bytesPerMs + latestShare * (speed - this.bytesPerMs)
    const targetMs = Math.min(mostMs, Math.max(hasCallers ? besideCallersMs : usualMs, waitedShare * queueMs))
    const fitting = (time: number) => Math.floor((rowCount * time) / Math.max(ms, 0.01))
    const rows = Math.max(1, fitting(targetMs), Math.min(this.#rowsPerRun, fitting(runMs)))
    this.rows = Math.min(rows, 4 * this.rows, this.#mostRows)
  }
}
