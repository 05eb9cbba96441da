import { maxDispatchSize, requestState } from '../../scheduling/dispatch.ts'
import type { Timings } from '../../scheduling/inference-result.ts'

/** Numbers in the timings of a result. */
const timeCount = 5
/** Numbers that are kept of a result: its timings, and its rows. */
const numberCount = timeCount + 1

/**
 * Memory that a worker's thread shares with the main thread, because the thread answers no message while it computes: the state of
 * each request of the dispatch, and when what runs now began. Timings are here as well, because numbers in messages cost
 * more; they are written before the result is posted, and stay until the next dispatch.
 */
export class RequestStates {
  static readonly bytes = 8 + (4 + 8 * numberCount) * maxDispatchSize
  readonly #startedAt: Float64Array
  readonly #states: Int32Array
  readonly #times: Float64Array
  readonly #rowCounts: Float64Array

  constructor(memory: SharedArrayBuffer) {
    this.#startedAt = new Float64Array(memory, 0, 1)
    this.#states = new Int32Array(memory, 8, maxDispatchSize)
    this.#times = new Float64Array(memory, 8 + 4 * maxDispatchSize, timeCount * maxDispatchSize)
    this.#rowCounts = new Float64Array(memory, 8 + (4 + 8 * timeCount) * maxDispatchSize, maxDispatchSize)
  }

  clear(requestCount: number): void {
    for (let index = 0; index < requestCount; index++) Atomics.store(this.#states, index, requestState.waiting)
  }

  get(index: number): number {
    return Atomics.load(this.#states, index)
  }

  set(index: number, state: number): void {
    Atomics.store(this.#states, index, state)
  }

  /**
   * Changes the state if it is still `from`. One side wins: the thread that begins a request, or the pool that takes it back.
   *
   * @returns whether this side won
   */
  change(index: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#states, index, from, to) === from
  }

  /** @returns the indexes of the requests that are running or being decoded */
  findBegun(requestCount: number): number[] {
    const indexes: number[] = []
    for (let index = 0; index < requestCount; index++) {
      const state = this.get(index)
      if (state === requestState.running || state === requestState.decoding) indexes.push(index)
    }
    return indexes
  }

  setTimings(index: number, { batchMs, decodeMs, runMs, encodeMs, batchSize = 0 }: Omit<Timings, 'queueMs'>): void {
    const start = index * timeCount
    this.#times[start] = batchMs
    this.#times[start + 1] = decodeMs
    this.#times[start + 2] = runMs
    this.#times[start + 3] = encodeMs
    this.#times[start + 4] = batchSize
  }

  timings(index: number): Timings {
    const times = this.#times
    const start = index * timeCount
    return {
      queueMs: 0,
      batchMs: times[start] as number,
      decodeMs: times[start + 1] as number,
      runMs: times[start + 2] as number,
      encodeMs: times[start + 3] as number,
      batchSize: times[start + 4] as number,
    }
  }

  setRowCount(index: number, rowCount: number): void {
    this.#rowCounts[index] = rowCount
  }

  /** 0: the script sees no rows. */
  rowCount(index: number): number {
    return this.#rowCounts[index] as number
  }

  /** Says that a run begins now. */
  markStart(): void {
    this.#startedAt[0] = clockOffsetMs + performance.now()
  }

  /** When what runs now began, as `performance.now()` of the thread that asks. */
  get startedAt(): number {
    return (this.#startedAt[0] as number) - clockOffsetMs
  }
}

/** What to add to `performance.now()`, which counts from the start of its own thread, for a clock that all threads share. */
const clockOffsetMs = hrtimeMs() - performance.now()

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
