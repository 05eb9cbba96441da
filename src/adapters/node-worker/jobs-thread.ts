import { getHeapStatistics } from 'node:v8'
import { MessageChannel, Worker } from 'node:worker_threads'
import { Calls, type Functions } from '../../jobs/thread/calls.ts'
import { ThreadEnded } from '../../jobs/thread/failures.ts'
import type { StepFunctions } from '../../jobs/thread/functions.ts'

/** The file that the thread starts from: the bundle beside this one, or the source when run from source. */
const entryFile = new URL(
  import.meta.url.endsWith('.ts') ? '../../compose/jobs-thread.ts' : './jobs-thread.cjs',
  import.meta.url,
)

interface JobsThreadOptions {
  /** Copied to the thread. */
  readonly data: object
  /** What the thread calls here. */
  readonly functions: Functions
  /** Called when the thread has ended without being stopped. */
  onEnd(why: Error): void
}

interface RunningThread {
  readonly worker: Worker
  readonly calls: Calls<StepFunctions>
}

/** The thread that runs the steps of jobs. One that has ended is started anew with the next call. */
export class JobsThread {
  readonly #options: JobsThreadOptions
  #isStopping = false
  #running: RunningThread | undefined

  constructor(options: JobsThreadOptions) {
    this.#options = options
  }

  readonly calls = (): Calls<StepFunctions> => {
    if (this.#running) return this.#running.calls
    const running = this.#start()
    this.#running = running
    if (this.#isStopping) void this.#stopThread(running)
    return running.calls
  }

  /** Stops the work. The thread ends when the calls that are open have been answered. One that a later call starts leaves its work to others. */
  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#running) await this.#stopThread(this.#running)
  }

  async #stopThread(running: RunningThread): Promise<void> {
    await running.calls.call('stop', undefined).catch(() => {}) // it has ended by itself, which `onEnd` tells
    void running.calls.idle().then(() => {
      if (this.#running === running) this.#running = undefined
      return running.worker.terminate()
    })
  }

  #start() {
    const { data, functions, onEnd } = this.#options
    const { port1, port2 } = new MessageChannel()
    const worker = new Worker(entryFile, {
      workerData: { ...data, port: port2 },
      transferList: [port2],
      name: 'jobs',
      execArgv: ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', '--disable-warning=ExperimentalWarning'],
      // Else V8 takes the limit of a small machine.
      resourceLimits: { maxOldGenerationSizeMb: Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20) },
    })
    worker.unref() // the server of the host keeps the process alive, and so do open calls
    const calls = new Calls<StepFunctions>(port1, () => functions, { keepsAlive: false })
    let failure: Error | undefined
    worker.on('error', error => {
      failure = error instanceof Error ? error : new Error(String(error))
    })
    worker.on('exit', () => {
      const isStopped = this.#running?.worker !== worker
      if (!isStopped) this.#running = undefined
      const what = failure ? `: ${failure.message}` : ''
      const why = new ThreadEnded(`the thread of the jobs ended${what}`, { cause: failure })
      calls.end(why)
      if (!isStopped) onEnd(why)
    })
    return { worker, calls }
  }
}
