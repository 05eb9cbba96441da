/** What a thread is running, written down where it outlives the process: some faults of a script, or of native code, end that. */
import { openSync, writeSync } from 'node:fs'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import type { ProgressBoard } from './messages.ts'
import { encodeRecord } from './run-records.ts'

/** Where a thread writes. */
export interface TracePlace {
  readonly path: string
  /** Bytes from the beginning of the file. */
  readonly at: number
}

class RunTrace {
  readonly #file: number
  readonly #at: number
  readonly #service: string
  readonly #board: ProgressBoard
  readonly #nothing = new Uint8Array(1)
  /** Ids of the requests of the dispatch. */
  #names: string[] = []
  /** Ids of those that the last dispatch yielded. */
  #yielded: string[] = []

  constructor({ path, at }: TracePlace, service: string, board: ProgressBoard) {
    this.#file = openSync(path, 'r+')
    this.#at = at
    this.#service = service
    this.#board = board
  }

  dispatched(requests: readonly InferenceRequest[], resumed: readonly number[]): void {
    const names = resumed.map(position => this.#yielded[position] as string)
    for (const { id } of requests) names.push(id ?? '')
    this.#names = names
  }

  yielded(indexes: readonly number[]): void {
    this.#yielded = indexes.map(index => this.#names[index] as string)
  }

  begin(): void {
    const names = this.#board.begun(this.#names.length).map(index => this.#names[index] as string)
    if (names.length === 0) return // a run to warm up
    const record = encodeRecord(this.#service, names)
    writeSync(this.#file, record, 0, record.length, this.#at)
  }

  end(): void {
    writeSync(this.#file, this.#nothing, 0, 1, this.#at)
  }
}

let trace: RunTrace | undefined

/** That of this thread, from here on. */
export function openRunTrace(place: TracePlace, service: string, board: ProgressBoard): void {
  trace = new RunTrace(place, service, board)
}

/** What was handed over, before any of it is begun. */
export function traceDispatch(requests: readonly InferenceRequest[], resumed: readonly number[] = []): void {
  trace?.dispatched(requests, resumed)
}

/** Writes down what is begun now, and does it. */
export function traced<T>(work: () => T): T {
  trace?.begin()
  return work()
}

/** Nothing of the dispatch is left, but what it yielded. */
export function traceEnd(yielded: readonly number[] = []): void {
  trace?.yielded(yielded)
  trace?.end()
}
