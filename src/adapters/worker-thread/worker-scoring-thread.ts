import { Worker } from 'node:worker_threads'
import { providersOfService } from '../../engine/execution-providers.ts'
import { progress, type ScoringAnswer, type ScoringRequest } from '../../engine/hand-over.ts'
import type { ScoringThread, ThreadEnd, ThreadEvents } from '../../engine/scoring-thread.ts'
import type { ThreadSpec } from '../../engine/thread-spec.ts'
import { removeProfilesOf } from '../onnxruntime/node-profile.ts'
import { webgpuTurns } from '../onnxruntime/webgpu-turns.ts'
import { heapLimitsOf } from './heap-limits.ts'
import { type FromThread, ProgressBoard, type ThreadStart, type ToThread } from './messages.ts'
import { passOnLines } from './named-lines.ts'
import { NativeGate } from './native-gate.ts'
import { buffersToMove, packRequests, unpackAnswers } from './packed-hand-over.ts'
import { threadEntry } from './thread-entry.ts'

/** What the platform puts into the environment for itself, and what opens the vault: storage, telemetry, who the app is. */
const platformSecrets =
  /^AzureWebJobs|CONNECTION_?STRING|INSTRUMENTATION_?KEY|^(IDENTITY|MSI)_|ENCRYPTION_KEY$|^WEBSITE_CONTENTAZUREFILE|^AZURE_(CLIENT_SECRET|CLIENT_CERTIFICATE|PASSWORD|FEDERATED_TOKEN)|^SCORING_KEY_VAULT_TEST_/i

function withoutSecrets(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !platformSecrets.test(name)))
}

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

  constructor(spec: ThreadSpec, maxMemoryMb: number, events: ThreadEvents, cacheFolder?: string) {
    const turns = webgpuTurns() // threads that start from here on have the same
    const board = new SharedArrayBuffer(ProgressBoard.bytes)
    this.#board = new ProgressBoard(board)
    const gate = new SharedArrayBuffer(NativeGate.bytes)
    this.#gate = new NativeGate(gate)
    this.#gate.enter() // until the thread has loaded ONNX Runtime
    const start: ThreadStart = { spec, board, gate, cacheFolder }
    this.#providers = providersOfService(spec)
    this.#worker = new Worker(threadEntry, {
      workerData: start,
      name: `scoring ${spec.service}`,
      stdout: true,
      stderr: true,
      env: { ...withoutSecrets(process.env), AZUREML_MODEL_DIR: spec.modelDir },
      execArgv: ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', '--disable-warning=ExperimentalWarning'],
      resourceLimits: heapLimitsOf(maxMemoryMb),
    })
    this.#threadId = this.#worker.threadId
    passOnLines(spec.service, this.#worker.stdout, process.stdout)
    passOnLines(spec.service, this.#worker.stderr, process.stderr)
    // The host's server keeps the process alive; idle threads must not keep it from ending.
    this.#worker.unref()
    this.#worker.on('message', (message: FromThread) => this.#receive(message, events))
    this.#worker.on('error', (error: Error & { code?: string }) => {
      const kind = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out-of-memory' : 'ended'
      this.#end ??= { kind, detail: error.message }
    })
    this.#worker.on('exit', code => {
      this.#gate.leave()
      turns.leave(this.#threadId)
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
        const unpacked = unpackAnswers(answers, place => this.#board.timesOf(indexes[place] as number))
        events.onAnswers(indexes, this.#marked(unpacked))
        if (message.isLast) events.onIdle()
      }
    }
  }

  #marked(answers: readonly ScoringAnswer[]): readonly ScoringAnswer[] {
    const executionProvider = this.#executionProvider
    if (executionProvider === undefined) return answers
    return answers.map(answer => ('code' in answer ? answer : { ...answer, executionProvider }))
  }
}
