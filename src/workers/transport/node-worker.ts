import { type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads'
import { removeProfiles } from '../../adapters/onnxruntime/node-profile.ts'
import { webgpuMutex } from '../../adapters/onnxruntime/webgpu-mutex.ts'
import { providersOfService } from '../../models/repository/provider-attempts.ts'
import type { ThreadSpec } from '../../models/repository/service-spec.ts'
import { progress } from '../../scheduling/dispatch.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import type { InferenceResult } from '../../scheduling/inference-result.ts'
import type { ScoringThread, ThreadEnd, ThreadEvents } from '../pool/worker-thread.ts'
import { type FromThread, ProgressBoard, type ThreadStart, type ToThread } from './messages.ts'
import { passOnLines } from './named-lines.ts'
import type { NativeGate } from './native-call-guard.ts'
import { buffersToMove, packRequests, unpackResults } from './packed-dispatch.ts'
import { takeBlankThread } from './prewarmed-worker.ts'
import { readFromThread } from './read-worker-message.ts'
import type { RunRecords } from './run-records.ts'
import { receiveBody } from './streamed-body.ts'
import { asPerformanceNow, threadClock } from './thread-clock.ts'

/** A `ScoringThread` on a Node.js worker thread. Its crash, endless loop or `process.exit` ends the thread only. */
export class WorkerScoringThread implements ScoringThread {
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #events: ThreadEvents
  readonly #board: ProgressBoard
  readonly #gate: NativeGate
  readonly #providers: ReturnType<typeof providersOfService>
  /** Node.js forgets the id of a thread that has ended. */
  readonly #threadId: number
  /** What its answers are marked with: another thread of the service may have found another provider. */
  #executionProvider: string | undefined
  #end: ThreadEnd | undefined
  /** Milliseconds that the script may take for a piece of a body. */
  readonly #timeoutMs: number
  /** Bodies that are on their way out. */
  #streams = 0
  #isLoaded = false
  /** It has a dispatch, and has not said that nothing of it is left. */
  #isBusy = false
  /** It said what it must not say: nothing more is heard of it. */
  #isBroken = false
  /** Places of the dispatch whose answers have not come; those that were taken back are among them. */
  readonly #inHand = new Set<number>()

  /**
   * @param records  where the thread writes down what it runs; undefined: nowhere
   */
  constructor(spec: ThreadSpec, maxMemoryMb: number, events: ThreadEvents, records?: RunRecords) {
    const { worker, port, gate } = takeBlankThread(maxMemoryMb)
    this.#worker = worker
    this.#port = port
    this.#events = events
    this.#gate = gate
    this.#timeoutMs = spec.definition.limits.timeoutMs
    const board = new SharedArrayBuffer(ProgressBoard.bytes)
    this.#board = new ProgressBoard(board)
    this.#providers = providersOfService(spec)
    const trace = records?.take()
    const start: ThreadStart = { spec, board, trace }
    port.postMessage(start)
    this.#threadId = worker.threadId
    passOnLines(spec.service, this.#worker.stdout, process.stdout)
    passOnLines(spec.service, this.#worker.stderr, process.stderr)
    port.on('message', message => this.#receive(message))
    port.on('messageerror', () => this.#receive(undefined))
    port.unref() // as its worker: an idle thread keeps no process alive
    this.#worker.on('error', (error: Error & { code?: string }) => {
      const kind = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out-of-memory' : 'ended'
      this.#end ??= { kind, detail: error.message }
    })
    this.#worker.on('exit', code => {
      // What it said last may still be on its way.
      for (let last = receiveMessageOnPort(port); last; last = receiveMessageOnPort(port)) this.#receive(last.message)
      port.close()
      if (trace) records?.giveBack(trace)
      webgpuMutex().unlock(this.#threadId)
      if ([...this.#providers].some(provider => provider !== 'cpu')) removeProfiles(this.#threadId)
      events.onEnd(this.#end ?? { kind: 'ended', detail: `exit code ${code}` })
    })
  }

  dispatch(requests: readonly InferenceRequest[], resumed: readonly number[] = []): void {
    const count = resumed.length + requests.length
    this.#board.clear(count)
    this.#board.startedAt = threadClock()
    this.#isBusy = true
    this.#inHand.clear()
    for (let index = 0; index < count; index++) this.#inHand.add(index)
    const packed = packRequests(requests)
    const message: ToThread = resumed.length > 0 ? { ...packed, resumed } : packed
    this.#port.postMessage(message, buffersToMove(packed))
  }

  isRunning(index: number): boolean {
    return this.#board.get(index) === progress.running
  }

  isDecoding(index: number): boolean {
    return this.#board.get(index) === progress.decoding
  }

  isAnswered(index: number): boolean {
    return this.#board.get(index) === progress.answered
  }

  withdraw(index: number): boolean {
    const { waiting, decoding, withdrawn } = progress
    return [waiting, decoding].some(from => this.#board.change(index, from, withdrawn))
  }

  runningSince(): number {
    return asPerformanceNow(this.#board.startedAt)
  }

  computedMs(): number {
    return this.#worker.performance.eventLoopUtilization().active
  }

  get isStreaming(): boolean {
    return this.#streams > 0
  }

  async memoryMb(): Promise<number | undefined> {
    // Node.js 22 has no such call; there the heap limit alone holds.
    if (!('getHeapStatistics' in this.#worker)) return undefined
    try {
      const { used_heap_size, external_memory } = await this.#worker.getHeapStatistics()
      return (used_heap_size + external_memory) / 2 ** 20
    } catch {
      return undefined // it ended meanwhile
    }
  }

  /** Ends the thread, which may first have to come out of a run of its model: nothing else can end that. */
  async end(): Promise<void> {
    await this.#gate.close()
    if (this.#providers.has('webgpu')) await webgpuMutex().lockForEnd(this.#threadId)
    await this.#worker.terminate()
  }

  /** Its owner's code may have said this: whatever a thread of ours would not say now ends the thread. */
  #receive(given: unknown): void {
    if (this.#isBroken) return
    const events = this.#events
    const message = readFromThread(given, index => this.#inHand.has(index))
    if (!message || !this.#isExpected(message)) return this.#break()
    switch (message.type) {
      case 'loaded':
        this.#isLoaded = true
        if (this.#providers.size > 1) this.#executionProvider = message.report.executionProvider
        return events.onLoaded(message.report)
      case 'load-failed':
        events.onLoadFailed(message.reason)
        void this.end()
        return
      case 'results': {
        const { indexes, results } = message
        for (const index of indexes) this.#inHand.delete(index)
        events.onRuns(message)
        const timings = (position: number) => this.#board.timings(indexes[position] as number)
        const unpacked = unpackResults(results, timings, port => this.#receiveBody(port))
        events.onAnswers(indexes, this.#marked(unpacked))
        if (!message.isLast) return
        this.#isBusy = false
        events.onIdle(message.yielded ?? [])
      }
    }
  }

  #receiveBody(port: MessagePort): ReadableStream<Uint8Array> {
    this.#streams++
    return receiveBody(port, this.#timeoutMs, () => this.#streams--)
  }

  #isExpected({ type }: FromThread): boolean {
    return type === 'loaded' || type === 'load-failed' ? !this.#isLoaded : this.#isBusy
  }

  #break(): void {
    this.#isBroken = true
    this.#end = { kind: 'ended', detail: 'it sent a message that no scoring thread sends' }
    void this.end()
  }

  #marked(results: readonly InferenceResult[]): readonly InferenceResult[] {
    const executionProvider = this.#executionProvider
    if (executionProvider === undefined) return results
    return results.map(result => (result.kind === 'failure' ? result : { ...result, executionProvider }))
  }
}
