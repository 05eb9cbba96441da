import { type ChildProcess, execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { UncachedModel } from '../../models/session/load-report.ts'
import type { CacheLimits } from './optimize-model.ts'

/** Requests that woke the app go first. */
const usualDelayMs = 3000
/** Memory that a writer needs, in sizes of the model: two sessions and what the runtime does between them. */
const memoryFactor = 5
const longestWriteMs = 5 * 60_000

const optimizerProcess = new URL(
  import.meta.url.endsWith('.ts') ? './optimizer-process.ts' : './optimizer-process.cjs',
  import.meta.url,
)

/**
 * Writes what the cache lacks, one model after the other, in processes of their own: a scoring thread would stand still for
 * the while, and no thread can be ended inside ONNX Runtime, but a process can.
 */
export class CacheWriter {
  readonly #limits: CacheLimits
  readonly #log: (line: string) => void
  readonly #delayMs: number
  readonly #stop = new AbortController()
  #queue: Promise<void> = Promise.resolve()
  #child: ChildProcess | undefined

  constructor(limits: CacheLimits, log: (line: string) => void, delayMs = usualDelayMs) {
    this.#limits = limits
    this.#log = log
    this.#delayMs = delayMs
  }

  get folder(): string {
    return this.#limits.folder
  }

  /** @returns when they are written, or will not be */
  offer(models: readonly UncachedModel[]): Promise<void> {
    for (const model of models) this.#queue = this.#queue.then(() => this.#write(model))
    return this.#queue
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#child?.kill('SIGKILL')
    await this.#queue
  }

  async #write(model: UncachedModel): Promise<void> {
    const { signal } = this.#stop
    await delay(this.#delayMs, undefined, { signal, ref: false }).catch(() => {})
    if (signal.aborted) return
    const { size } = statSync(model.path, { throwIfNoEntry: false }) ?? { size: Number.POSITIVE_INFINITY }
    if (process.availableMemory() < memoryFactor * size) return
    const what = await this.#run(model)
    if (!signal.aborted) this.#log(`the local cache of optimized models: ${model.path} ${what}`)
  }

  #run(model: UncachedModel): Promise<string> {
    return new Promise(resolve => {
      const parts = [model, this.#limits].map(part => JSON.stringify(part))
      const options = { timeout: longestWriteMs, killSignal: 'SIGKILL', env: environment(), windowsHide: true } as const
      this.#child = execFile(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', fileURLToPath(optimizerProcess), ...parts],
        options,
        (failure, stdout) => resolve(stdout.trim() || `is not kept: ${failure?.message.split('\n')[0] ?? 'no reason'}`),
      )
      this.#child.unref()
    })
  }
}

/** No secrets: only what the system's own loader reads. */
function environment(): NodeJS.ProcessEnv {
  const { SystemRoot, LD_LIBRARY_PATH } = process.env
  return { SystemRoot, LD_LIBRARY_PATH }
}
