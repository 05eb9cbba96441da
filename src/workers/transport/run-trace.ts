/** What a thread is running, written down where it outlives the process: some faults of a script, or of native code, end that. */
import { openSync, writeSync } from 'node:fs'
import { maxDispatchSize } from '../../scheduling/dispatch.ts'
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
  readonly #names = new Array<string>(maxDispatchSize)
  readonly #nothing = new Uint8Array(1)
  /** Places of the dispatch that have been used. */
  #count = 0

  constructor({ path, at }: TracePlace, service: string, board: ProgressBoard) {
    this.#file = openSync(path, 'r+')
    this.#at = at
    this.#service = service
    this.#board = board
  }

  handedOver(requests: readonly InferenceRequest[], indexes: readonly number[] | undefined): void {
    if (!indexes) this.#count = 0
    for (const [at, { id }] of requests.entries()) {
      const index = indexes?.[at] ?? at
      this.#names[index] = id ?? ''
      this.#count = Math.max(this.#count, index + 1)
    }
  }

  begin(): void {
    const names = this.#board.begun(this.#count).map(index => this.#names[index] as string)
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
export function traceDispatch(requests: readonly InferenceRequest[], indexes: readonly number[] | undefined): void {
  trace?.handedOver(requests, indexes)
}

/** Writes down what is begun now, and does it. */
export function traced<T>(work: () => T): T {
  trace?.begin()
  return work()
}

/** Nothing of the dispatch is left. */
export function traceEnd(): void {
  trace?.end()
}
