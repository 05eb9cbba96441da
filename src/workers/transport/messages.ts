import type { MessagePort } from 'node:worker_threads'
import type { ThreadSpec } from '../../models/repository/service-spec.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { maxDispatchSize, progress, type RunStats } from '../../scheduling/dispatch.ts'
import type { Timings } from '../../scheduling/inference-result.ts'
import type { PackedRequests, PackedResults } from './packed-dispatch.ts'
import type { TracePlace } from './run-trace.ts'

/** What a thread is started with. */
export interface BlankThreadData {
  readonly gate: SharedArrayBuffer
  /** All that is said between a thread and its owner; `parentPort` belongs to whatever the scripts there import. */
  readonly port: MessagePort
}

/** The first message to a thread: what makes it a thread of a service. */
export interface ThreadStart {
  readonly spec: ThreadSpec
  readonly board: SharedArrayBuffer
  /** Where it writes down what it runs; undefined: nowhere. */
  readonly trace: TracePlace | undefined
}

/** To the thread: score these. One dispatch at a time. */
export interface ToThread extends PackedRequests {
  /** Which of the requests that the last dispatch yielded go on, by position; they come before the others. Absent: none. */
  readonly resumed?: readonly number[] | undefined
}

/** From the thread. */
export type FromThread =
  | { readonly type: 'loaded'; readonly report: LoadReport }
  | { readonly type: 'load-failed'; readonly reason: string }
  | ({
      readonly type: 'results'
      readonly indexes: readonly number[]
      readonly results: PackedResults
      /** Nothing of the dispatch is left. */
      readonly isLast: boolean
      /** Requests that it has begun and holds for the next dispatch, which may resume them. Only with `isLast`. */
      readonly yielded?: readonly number[] | undefined
    } & RunStats)

/** Numbers that an answer has. */
const timeCount = 4

/**
 * What thread and owner both see while the thread computes and answers no message: a start time and the state of
 * each request of the dispatch. Its times are here as well, because numbers in messages cost more. They are written
 * before the answer is told, and stay until another request gets its place.
 */
export class ProgressBoard {
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
      if (state === progress.running || state === progress.decoding) indexes.push(index)
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
