import { maxDispatchSize, requestState } from '../../scheduling/dispatch.ts'
import type { Timings } from '../../scheduling/inference-result.ts'

/** Numbers that an answer has. */
const timeCount = 4

/**
 * What thread and owner both see while the thread computes and answers no message: a start time and the state of
 * each request of the dispatch. Its times are here as well, because numbers in messages cost more. They are written
 * before the answer is told, and stay until another request gets its place.
 */
export class RequestStates {
  static readonly bytes = 8 + (4 + 8 * timeCount) * maxDispatchSize
  readonly #startedAt: Float64Array
  readonly #states: Int32Array
  readonly #times: Float64Array

  constructor(memory: SharedArrayBuffer) {
    this.#startedAt = new Float64Array(memory, 0, 1)
    this.#states = new Int32Array(memory, 8, maxDispatchSize)
    this.#times = new Float64Array(memory, 8 + 4 * maxDispatchSize, timeCount * maxDispatchSize)
  }

  clear(requestCount: number): void {
    for (let index = 0; index < requestCount; index++) Atomics.store(this.#states, index, 0)
  }

  set(index: number, state: number): void {
    Atomics.store(this.#states, index, state)
  }

  /** One of both sides wins: the thread that begins a request, or its owner that takes it back. */
  change(index: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#states, index, from, to) === from
  }

  /** What the thread is at: being run, or decoded. */
  begun(requestCount: number): number[] {
    const indexes: number[] = []
    for (let index = 0; index < requestCount; index++) {
      const state = this.get(index)
      if (state === requestState.running || state === requestState.decoding) indexes.push(index)
    }
    return indexes
  }

  get(index: number): number {
    return Atomics.load(this.#states, index)
  }

  setTimings(index: number, batchMs: number, decodeMs: number, runMs: number, encodeMs: number): void {
    const at = index * timeCount
    this.#times[at] = batchMs
    this.#times[at + 1] = decodeMs
    this.#times[at + 2] = runMs
    this.#times[at + 3] = encodeMs
  }

  timings(index: number): Timings {
    const at = index * timeCount
    const time = (offset: number) => this.#times[at + offset] as number
    return { queueMs: 0, batchMs: time(0), decodeMs: time(1), runMs: time(2), encodeMs: time(3) }
  }

  set startedAt(time: number) {
    this.#startedAt[0] = time
  }

  get startedAt(): number {
    return this.#startedAt[0] as number
  }
}

/** `performance.now()` counts from the start of its own thread; this is what to add to it. */
const startedAt = hrtimeMs() - performance.now()

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

/** Milliseconds of the one clock that all threads of the process have in common. It never jumps, whoever sets the time. */
export function threadClock(): number {
  return startedAt + performance.now()
}

/** A moment of `threadClock` by the `performance.now()` of this thread. */
export function asPerformanceNow(threadClockMs: number): number {
  return threadClockMs - startedAt
}
