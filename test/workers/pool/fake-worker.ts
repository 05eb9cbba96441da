import type { LoadReport } from '../../../src/models/session/load-report.ts'
import { requestState } from '../../../src/scheduling/dispatch.ts'
import type { InferenceRequest } from '../../../src/scheduling/inference-request.ts'
import type { InferenceResult } from '../../../src/scheduling/inference-result.ts'
import type { WorkerEvent, WorkerThread } from '../../../src/workers/pool/worker-thread.ts'

export const report: LoadReport = {
  scriptKind: 'typed',
  executionProvider: 'cpu',
  inputs: [],
  outputs: [],
  takesHeaders: false,
  isBatchable: true,
  notes: [],
  loadMs: 1,
  warmUpMs: 1,
}

export const requestOf = (text: string): InferenceRequest => ({
  codec: 'azureml',
  body: new TextEncoder().encode(text),
  contentType: undefined,
})
/** The result of a fake run. */
export const encoded = (text: string): InferenceResult => ({
  kind: 'encoded',
  body: text,
  timings: { queueMs: 0, batchMs: 0, decodeMs: 0, runMs: 1, encodeMs: 0 },
  rowCount: 1,
})
const textOf = (request: InferenceRequest) => new TextDecoder().decode(request.body)

/** How a fake worker ends. */
export type FakeExit = Omit<WorkerEvent & { kind: 'exited' }, 'kind'>

/** A worker whose every step the test takes: nothing happens by itself. */
export class FakeWorker implements WorkerThread {
  readonly onEvent: (event: WorkerEvent) => void
  readonly dispatches: string[][] = []
  /** Names of all requests that were dispatched. */
  readonly ids: (string | undefined)[] = []
  readonly states: number[] = []
  startedAt = Date.now()
  isEnded = false
  isStreaming = false
  /** Time in which it computed nothing. */
  waitedMs = 0
  #yielded: string[] = []

  constructor(onEvent: (event: WorkerEvent) => void) {
    this.onEvent = onEvent
  }

  load(found: Partial<LoadReport> = {}): void {
    this.onEvent({ kind: 'loaded', report: { ...report, ...found } })
  }

  failToLoad(reason: string): void {
    this.onEvent({ kind: 'load-failed', reason })
  }

  dispatch(requests: readonly InferenceRequest[], resumed: readonly number[]): void {
    const texts = [...resumed.map(position => this.#yielded[position] as string), ...requests.map(textOf)]
    this.dispatches.push(texts)
    for (const { id } of requests) this.ids.push(id)
    this.#yielded = []
    this.startedAt = Date.now()
    this.states.length = 0
    for (const _ of texts) this.states.push(requestState.waiting)
  }

  /** Ends the dispatch between two slices: the requests that it has not answered go on with the next one. */
  yield(): void {
    const indexes = this.unanswered
    this.#yielded = indexes.map(index => this.current[index] as string)
    this.done(indexes)
  }

  /** Indexes of what it holds, taken back or not. */
  get unanswered(): number[] {
    return [...this.current.keys()].filter(index => this.states[index] !== requestState.answered)
  }

  get current(): string[] {
    return this.dispatches.at(-1) ?? []
  }

  /** Answers all that is in hand with its own text, and is free. */
  finish(): void {
    this.#report([...this.current.keys()], { isLast: true, yielded: [] })
  }

  answer(index: number): void {
    this.states[index] = requestState.answered
    this.#report([index], { isLast: false, yielded: [] })
  }

  /** Ends the dispatch. */
  done(yielded: readonly number[] = []): void {
    this.#report([], { isLast: true, yielded })
  }

  #report(indexes: readonly number[], end: { isLast: boolean; yielded: readonly number[] }): void {
    const results = indexes.map(index => encoded(this.current[index] as string))
    this.onEvent({ kind: 'results', indexes, results, runs: [], bisected: 0, ...end })
  }

  /** Has run it, and the answer is on its way. */
  hasRun(index: number): void {
    this.states[index] = requestState.answered
  }

  begin(...indexes: number[]): void {
    this.startedAt = Date.now()
    for (const index of indexes) this.states[index] = requestState.running
  }

  /** The script decodes these bodies, and does not keep the worker. */
  decode(...indexes: number[]): void {
    for (const index of indexes) this.states[index] = requestState.decoding
  }

  /** Has decoded it, and not begun its run. */
  waitForRun(index: number): void {
    this.states[index] = requestState.waiting
  }

  isTakenBack(index: number): boolean {
    return this.states[index] === requestState.takenBack
  }

  die(exit: FakeExit = { isOutOfMemory: false, detail: 'exit code 7' }): void {
    if (this.isEnded) return
    this.isEnded = true
    this.onEvent({ kind: 'exited', ...exit })
  }

  isRunning(index: number): boolean {
    return this.states[index] === requestState.running
  }

  isDecoding(index: number): boolean {
    return this.states[index] === requestState.decoding
  }

  isAnswered(index: number): boolean {
    return this.states[index] === requestState.answered
  }

  takeBack(index: number): boolean {
    if (this.isRunning(index) || this.isAnswered(index)) return false
    this.states[index] = requestState.takenBack
    return true
  }

  runningSince(): number {
    return this.startedAt
  }

  computedMs(): number {
    return Date.now() - this.waitedMs
  }

  async memoryMb(): Promise<number | undefined> {
    return undefined
  }

  async terminate(): Promise<void> {
    setImmediate(() => this.die({ isOutOfMemory: false, detail: 'exit code 1' }))
  }
}
