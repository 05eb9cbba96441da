import { ServiceLoadError } from '../errors.ts'
import type { LoadReport } from '../models/session/load-report.ts'
import type { QueuedLoad } from '../workers/pool/load-queue.ts'
import type { ServiceScheduler } from '../workers/pool/service-scheduler.ts'
import type { EngineSource } from './engine.ts'

interface OnDemandOptions {
  /** Makes the files be there that workers load; absent: they are. */
  readonly prepare?: (() => Promise<void>) | undefined
  /** Makes a scheduler, whose first worker starts when its turn comes. */
  readonly start: () => { readonly scheduler: ServiceScheduler; readonly firstLoad: QueuedLoad }
  /** Called once, when everything has ended. */
  readonly onStopped?: (() => Promise<void>) | undefined
  readonly log: (line: string) => void
}

/** After this time files that could not be fetched are tried again; twice as long after each further failure. */
const firstRetryMs = 2000
const maxRetryMs = 60_000

/** Loads a service when it is asked to, and can unload it again. */
export class OnDemandEngine implements EngineSource {
  readonly #options: OnDemandOptions
  #scheduler: ServiceScheduler | undefined
  #firstLoad: QueuedLoad | undefined
  #isHurried = false
  #loading: Promise<LoadReport> | undefined
  #failure: string | undefined
  #failures = 0
  #retry: NodeJS.Timeout | undefined
  #ending: Promise<unknown>[] = []
  #isStopped = false

  constructor(options: OnDemandOptions) {
    this.#options = options
  }

  get scheduler(): ServiceScheduler | undefined {
    return this.#scheduler
  }

  get failure(): string | undefined {
    return this.#failure ?? this.#scheduler?.failure
  }

  get isAsleep(): boolean {
    return !this.#scheduler && !this.#loading && this.#failure === undefined
  }

  get isIdle(): boolean {
    return this.#scheduler ? this.#scheduler.isIdle : !this.#loading
  }

  load(): Promise<LoadReport> {
    if (this.#scheduler) return this.#scheduler.firstLoad
    if (!this.#loading) {
      const loading = this.#load().finally(() => {
        this.#loading = undefined
      })
      loading.catch(() => {}) // `failure` tells
      this.#loading = loading
    }
    return this.#loading
  }

  hurry(): void {
    this.#isHurried = true
    this.#firstLoad?.hurry()
  }

  async prepare(): Promise<void> {
    await this.#options.prepare?.()
  }

  unload(): boolean {
    const scheduler = this.#scheduler
    if (!scheduler || this.#loading || !scheduler.isIdle || scheduler.isDebugged) return false
    this.#scheduler = undefined
    this.#firstLoad = undefined
    this.#isHurried = false
    const ending = scheduler.stop().catch(failure => this.#options.log((failure as Error).message))
    this.#ending.push(ending)
    void ending.then(() => {
      this.#ending = this.#ending.filter(each => each !== ending)
    })
    return true
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    clearTimeout(this.#retry)
    this.#firstLoad?.cancel()
    if (!this.#scheduler) await this.#loading?.catch(() => {})
    await Promise.all([this.#scheduler?.stop(), ...this.#ending])
    await this.#options.onStopped?.()
  }

  async #load(): Promise<LoadReport> {
    const { prepare, start } = this.#options
    clearTimeout(this.#retry)
    if (this.#isStopped) throw new ServiceLoadError('the service has ended')
    try {
      await prepare?.()
    } catch (cause) {
      this.#failure = `its files cannot be fetched: ${(cause as Error).message}`
      this.#tryLater()
      throw new ServiceLoadError(this.#failure, { cause })
    }
    if (this.#isStopped) throw new ServiceLoadError('the service has ended')
    this.#failure = undefined
    this.#failures = 0
    const { scheduler, firstLoad } = start()
    this.#scheduler = scheduler
    this.#firstLoad = firstLoad
    if (this.#isHurried) firstLoad.hurry()
    return scheduler.firstLoad
  }

  #tryLater(): void {
    if (this.#isStopped) return
    const ms = Math.min(maxRetryMs, firstRetryMs * 2 ** this.#failures++)
    this.#retry = setTimeout(() => void this.load().catch(() => {}), ms).unref()
  }
}
