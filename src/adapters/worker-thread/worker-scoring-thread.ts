import type { MessagePort, Worker } from 'node:worker_threads'
import { providersOfService } from '../../engine/execution-providers.ts'
import { progress, type ScoringAnswer, type ScoringRequest } from '../../engine/hand-over.ts'
import type { ScoringThread, ThreadEnd, ThreadEvents } from '../../engine/scoring-thread.ts'
import type { ThreadSpec } from '../../engine/thread-spec.ts'
import { removeProfilesOf } from '../onnxruntime/node-profile.ts'
import { webgpuTurns } from '../onnxruntime/webgpu-turns.ts'
import { takeBlankThread } from './blank-thread.ts'
import { type FromThread, ProgressBoard, type ThreadStart, type ToThread } from './messages.ts'
import { passOnLines } from './named-lines.ts'
import type { NativeGate } from './native-gate.ts'
import { buffersToMove, packRequests, unpackAnswers } from './packed-hand-over.ts'
import { receiveBody } from './streamed-body.ts'

/** A `ScoringThread` on a Node.js worker thread. Its crash, endless loop or `process.exit` ends the thread only. */
export class WorkerScoringThread implements ScoringThread {
  readonly #worker: Worker
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

  constructor(spec: ThreadSpec, maxMemoryMb: number, events: ThreadEvents, cacheFolder?: string) {
    const { worker, gate } = takeBlankThread(maxMemoryMb)
    this.#worker = worker
    this.#gate = gate
    this.#timeoutMs = spec.definition.limits.timeoutMs
    const board = new SharedArrayBuffer(ProgressBoard.bytes)
    this.#board = new ProgressBoard(board)
    this.#providers = providersOfService(spec)
    const start: ThreadStart = { spec, board, cacheFolder }
    worker.postMessage(start)
    this.#threadId = worker.threadId
    passOnLines(spec.service, this.#worker.stdout, process.stdout)
    passOnLines(spec.service, this.#worker.stderr, process.stderr)
    this.#worker.on('message', (message: FromThread) => this.#receive(message, events))
    this.#worker.on('error', (error: Error & { code?: string }) => {
      const kind = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out-of-memory' : 'ended'
      this.#end ??= { kind, detail: error.message }
    })
    this.#worker.on('exit', code => {
      webgpuTurns().leave(this.#threadId)
      if ([...this.#providers].some(provider => provider !== 'cpu')) removeProfilesOf(this.#threadId)
      events.onEnd(this.#end ?? { kind: 'ended', detail: `exit code ${code}` })
    })
  }

  handOver(requests: readonly ScoringRequest[]): void {
    this.#board.clear(requests.length)
    this.#board.startedAt = Date.now()
    const packed = packRequests(requests)
    this.#worker.postMessage(packed, buffersToMove(packed))
  }

  handIn(requests: readonly ScoringRequest[], indexes: readonly number[]): void {
    for (const index of indexes) this.#board.set(index, progress.waiting)
    const packed: ToThread = { ...packRequests(requests), indexes }
    this.#worker.postMessage(packed, buffersToMove(packed))
  }

  isRunning(index: number): boolean {
    return this.#board.get(index) === progress.running
  }

  isDecoding(index: number): boolean {
    return this.#board.get(index) === progress.decoding
  }

  withdraw(index: number): boolean {
    const { waiting, decoding, withdrawn, answered } = progress
    const isTaken = [waiting, decoding].some(from => this.#board.change(index, from, withdrawn))
    return isTaken || this.#board.get(index) === answered
  }

  runningSince(): number {
    return this.#board.startedAt
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
    if (this.#providers.has('webgpu')) await webgpuTurns().enterForEnd(this.#threadId)
    await this.#worker.terminate()
  }

  #receive(message: FromThread, events: ThreadEvents): void {
    switch (message.type) {
      case 'loaded':
        if (this.#providers.size > 1) this.#executionProvider = message.report.executionProvider
        return events.onLoaded(message.report)
      case 'load-failed':
        events.onLoadFailed(message.reason)
        void this.end()
        return
      case 'room':
        return events.onRoom()
      case 'answers': {
        const { indexes, answers } = message
        events.onRuns(message)
        const timesOf = (place: number) => this.#board.timesOf(indexes[place] as number)
        const unpacked = unpackAnswers(answers, timesOf, port => this.#receiveBody(port))
        events.onAnswers(indexes, this.#marked(unpacked))
        if (message.isLast) events.onIdle()
      }
    }
  }

  #receiveBody(port: MessagePort): ReadableStream<Uint8Array> {
    this.#streams++
    return receiveBody(port, this.#timeoutMs, () => this.#streams--)
  }

  #marked(answers: readonly ScoringAnswer[]): readonly ScoringAnswer[] {
    const executionProvider = this.#executionProvider
    if (executionProvider === undefined) return answers
    return answers.map(answer => ('code' in answer ? answer : { ...answer, executionProvider }))
  }
}
