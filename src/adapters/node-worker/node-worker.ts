import type { Writable } from 'node:stream'
import { type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads'
import { providersOfService } from '../../models/repository/provider-attempts.ts'
import type { ServiceSpec } from '../../models/repository/service-spec.ts'
import { type BodyHold, holdBody } from '../../scheduling/body-memory.ts'
import { maxDispatchSize, requestState } from '../../scheduling/dispatch.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import { type LogEntry, LogFormat } from '../../telemetry/log.ts'
import type { WorkerEvent, WorkerThread } from '../../workers/pool/worker-thread.ts'
import {
  type DispatchMessage,
  readWorkerMessage,
  type ServiceAssignment,
  type WorkerMessage,
} from '../../workers/transport/messages.ts'
import type { NativeCallGuard } from '../../workers/transport/native-call-guard.ts'
import { buffersToMove, packRequests, unpackResults } from '../../workers/transport/packed-dispatch.ts'
import { RequestStates } from '../../workers/transport/request-states.ts'
import type { RunRecords } from '../../workers/transport/run-records.ts'
import { receiveBody } from '../../workers/transport/streamed-body.ts'
import { removeProfiles } from '../onnxruntime/node-profile.ts'
import { webgpuMutex } from '../onnxruntime/webgpu-mutex.ts'
import { passOnLines } from './named-lines.ts'
import { takePrewarmedWorker } from './prewarmed-worker.ts'

interface NodeWorkerOptions {
  readonly maxMemoryMb: number
  readonly onEvent: (event: WorkerEvent) => void
  /** Records of what the thread runs; absent: none are kept. */
  readonly records?: RunRecords | undefined
  /** How its output is written; absent: as text, all of it. */
  readonly format?: LogFormat | undefined
  /** Where its output goes; absent: to that of the process. */
  readonly output?: ScriptOutput | undefined
  /** Whether the thread may be stopped at a break point, and so has no time limit; absent: never. */
  readonly isDebugged?: (() => boolean) | undefined
}

/** Streams that take the lines of a worker. */
export interface ScriptOutput {
  readonly out: Writable
  readonly error: Writable
}

const everythingAsText = new LogFormat({ format: 'text', level: 'debug' }, () => new Date())

/** A `WorkerThread` on a Node.js worker thread. A crash, an endless loop or `process.exit` in it ends the thread only. */
export class NodeWorker implements WorkerThread {
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #onEvent: (event: WorkerEvent) => void
  readonly #states: RequestStates
  readonly #guard: NativeCallGuard
  readonly #providers: ReturnType<typeof providersOfService>
  /** Node.js forgets the id of a thread that has ended. */
  readonly #threadId: number
  /** The mark of its results: another worker of the service may have found another provider. */
  #executionProvider: string | undefined
  #exit: Omit<WorkerEvent & { kind: 'exited' }, 'kind'> | undefined
  /** The longest time that a script may take for a piece of a streamed body. */
  readonly #timeoutMs: number
  readonly #isDebugged: () => boolean
  #streamCount = 0
  #isLoaded = false
  /** Whether a dispatch is under way. */
  #isBusy = false
  /** The thread sent what no thread of ours sends: it is not listened to any more. */
  #isBroken = false
  /** The bodies that the thread reads in place, by the index of their requests in the dispatch, or in what was yielded. */
  #bodies: (BodyHold | undefined)[] = []
  /** 1 for each index of the dispatch whose result has not come, also if the request was taken back. */
  readonly #expected = new Uint8Array(maxDispatchSize)

  constructor(spec: ServiceSpec, options: NodeWorkerOptions) {
    const { maxMemoryMb, onEvent, records, format = everythingAsText } = options
    const { out, error } = options.output ?? { out: process.stdout, error: process.stderr }
    const { worker, port, guard } = takePrewarmedWorker(maxMemoryMb)
    this.#worker = worker
    this.#port = port
    this.#onEvent = onEvent
    this.#guard = guard
    this.#timeoutMs = spec.definition.limits.timeoutMs
    this.#isDebugged = options.isDebugged ?? (() => false)
    const states = new SharedArrayBuffer(RequestStates.bytes)
    this.#states = new RequestStates(states)
    this.#providers = providersOfService(spec)
    const record = records?.take()
    const start: ServiceAssignment = { spec, states, record }
    port.postMessage(start)
    this.#threadId = worker.threadId
    const named = { service: spec.service, format: (entry: LogEntry) => format.format(entry) }
    passOnLines(worker.stdout, out, { ...named, level: 'info' })
    passOnLines(worker.stderr, error, { ...named, level: 'error' })
    port.on('message', message => this.#receive(message))
    port.on('messageerror', () => this.#receive(undefined))
    port.unref() // as its worker: an idle thread keeps no process alive
    worker.on('error', ({ code, message }: Error & { code?: string }) => {
      this.#exit ??= { isOutOfMemory: code === 'ERR_WORKER_OUT_OF_MEMORY', detail: message }
    })
    worker.on('exit', code => {
      // Its last messages may still be on their way.
      for (let last = receiveMessageOnPort(port); last; last = receiveMessageOnPort(port)) this.#receive(last.message)
      port.close()
      for (const body of this.#bodies) body?.release()
      if (record) records?.giveBack(record)
      webgpuMutex().unlock(this.#threadId)
      if ([...this.#providers].some(provider => provider !== 'cpu')) removeProfiles(this.#threadId)
      onEvent({ kind: 'exited', ...(this.#exit ?? { isOutOfMemory: false, detail: `exit code ${code}` }) })
    })
  }

  dispatch(requests: readonly InferenceRequest[], resumed: readonly number[]): void {
    const count = resumed.length + requests.length
    this.#holdBodies(requests, resumed)
    this.#states.clear(count)
    this.#states.markStart()
    this.#isBusy = true
    this.#expected.fill(0)
    this.#expected.fill(1, 0, count)
    const packed = packRequests(requests)
    const message: DispatchMessage = resumed.length > 0 ? { ...packed, resumed } : packed
    this.#port.postMessage(message, buffersToMove(packed))
  }

  /** What was yielded and is not resumed is not read any more. */
  #holdBodies(requests: readonly InferenceRequest[], resumed: readonly number[]): void {
    const yielded = this.#bodies
    const held = resumed.map(position => yielded[position])
    for (const [position, body] of yielded.entries()) if (!resumed.includes(position)) body?.release()
    this.#bodies = held
    for (const { body } of requests) this.#bodies.push(holdBody(body))
  }

  /** Once a dispatch has ended, the thread reads only the bodies of what it has yielded. */
  #releaseBodies(yielded: readonly number[]): void {
    const bodies = this.#bodies
    this.#bodies = yielded.map(index => bodies[index])
    for (const [index, body] of bodies.entries()) if (!yielded.includes(index)) body?.release()
  }

  isRunning(index: number): boolean {
    return this.#states.get(index) === requestState.running
  }

  isDecoding(index: number): boolean {
    return this.#states.get(index) === requestState.decoding
  }

  isAnswered(index: number): boolean {
    return this.#states.get(index) === requestState.answered
  }

  takeBack(index: number): boolean {
    const { waiting, decoding, takenBack } = requestState
    return this.#states.change(index, waiting, takenBack) || this.#states.change(index, decoding, takenBack)
  }

  runningSince(): number {
    return this.#states.startedAt
  }

  computedMs(): number {
    return this.#worker.performance.eventLoopUtilization().active
  }

  get isStreaming(): boolean {
    return this.#streamCount > 0
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

  /** Ends the thread. It first has to leave a run of its model, which nothing else can end. */
  async terminate(): Promise<void> {
    await this.#guard.close()
    if (this.#providers.has('webgpu')) await webgpuMutex().lockForEnd(this.#threadId)
    await this.#worker.terminate()
  }

  /** Code of a service's owner can send messages too: one that our runtime would not send now ends the thread. */
  #receive(given: unknown): void {
    if (this.#isBroken) return
    const message = readWorkerMessage(given, this.#expected)
    if (!message || !this.#isExpected(message) || !this.#isComplete(message)) return this.#break()
    switch (message.type) {
      case 'loaded': {
        const { report } = message
        this.#isLoaded = true
        if (this.#providers.size > 1) this.#executionProvider = report.executionProvider
        return this.#onEvent({ kind: 'loaded', report })
      }
      case 'load-failed':
        return this.#onEvent({ kind: 'load-failed', reason: message.reason })
      case 'results': {
        const { indexes, isLast, yielded = [], runs, bisected } = message
        if (isLast) {
          this.#isBusy = false
          this.#releaseBodies(yielded)
        }
        const results = unpackResults(message.results, {
          executionProvider: this.#executionProvider,
          timings: position => this.#states.timings(indexes[position] as number),
          rowCount: position => this.#states.rowCount(indexes[position] as number),
          receiveBody: port => this.#receiveBody(port),
        })
        this.#onEvent({ kind: 'results', indexes, results, isLast, yielded, runs, bisected })
      }
    }
  }

  #receiveBody(port: MessagePort): ReadableStream<Uint8Array> {
    this.#streamCount++
    const onEnd = () => this.#streamCount--
    return receiveBody(port, { idleMs: this.#timeoutMs, isDebugged: this.#isDebugged, onEnd })
  }

  #isExpected({ type }: WorkerMessage): boolean {
    return type === 'loaded' || type === 'load-failed' ? !this.#isLoaded : this.#isBusy
  }

  /** Whether a dispatch ends with every result that is not taken back or yielded: another caller would wait for ever. */
  #isComplete(message: WorkerMessage): boolean {
    if (message.type !== 'results' || !message.isLast) return true
    for (let index = this.#expected.indexOf(1); index >= 0; index = this.#expected.indexOf(1, index + 1))
      if (this.#states.get(index) !== requestState.takenBack) return false
    return true
  }

  #break(): void {
    this.#isBroken = true
    this.#exit = { isOutOfMemory: false, detail: 'it sent a message that no scoring thread sends' }
    void this.terminate()
  }
}
