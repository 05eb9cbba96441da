import { ServiceLoadError } from '../errors.ts'
import type { LoadReport } from '../models/session/load-report.ts'
import type { QueuedLoad } from '../workers/pool/load-queue.ts'
import type { ServiceScheduler } from '../workers/pool/service-scheduler.ts'

/** What a service is given to run its requests; one whose files cannot be read has nothing that could. */
export type Engine =
  | { readonly kind: 'scheduler'; readonly scheduler: ServiceScheduler; readonly firstLoad?: QueuedLoad }
  | { readonly kind: 'none'; readonly failure: string }
  | { readonly kind: 'changing'; readonly source: EngineSource }

/** An engine whose scheduler may come and go. */
export interface EngineSource {
  /** The one that runs requests now. */
  readonly scheduler: ServiceScheduler | undefined
  /** Why there can be none, for the owner. */
  readonly failure: string | undefined
  /** Whether it is not loaded and not loading, and loads with the first request. */
  readonly isAsleep: boolean
  /** Whether nothing is queued, run, streamed or fetched. */
  readonly isIdle: boolean
  /** Loads unless that is done or under way. @throws ServiceLoadError */
  load(): Promise<LoadReport>
  /** A request waits for the load: it waits for no others. */
  hurry(): void
  /** Makes the files be there that the service is loaded from. @throws Error */
  prepare(): Promise<void>
  /** Ends the scheduler; the next load starts another one. @returns whether there was one that has nothing to do */
  unload(): boolean
  stop(): Promise<void>
}

/** The source of any engine: one that does not change is loaded once, and ends with the service. */
export function asSource(engine: Engine): EngineSource {
  if (engine.kind === 'changing') return engine.source
  return engine.kind === 'none' ? new NoEngine(engine.failure) : new LastingEngine(engine.scheduler, engine.firstLoad)
}

class LastingEngine implements EngineSource {
  readonly scheduler: ServiceScheduler
  readonly isAsleep = false
  readonly #firstLoad: QueuedLoad | undefined

  constructor(scheduler: ServiceScheduler, firstLoad: QueuedLoad | undefined) {
    this.scheduler = scheduler
    this.#firstLoad = firstLoad
  }

  get failure(): string | undefined {
    return this.scheduler.failure
  }

  get isIdle(): boolean {
    return this.scheduler.isIdle
  }

  load(): Promise<LoadReport> {
    return this.scheduler.firstLoad
  }

  hurry(): void {
    this.#firstLoad?.hurry()
  }

  async prepare(): Promise<void> {}

  unload(): boolean {
    return false
  }

  async stop(): Promise<void> {
    this.#firstLoad?.cancel()
    await this.scheduler.stop()
  }
}

class NoEngine implements EngineSource {
  readonly scheduler = undefined
  readonly isAsleep = false
  readonly isIdle = true
  readonly failure: string

  constructor(failure: string) {
    this.failure = failure
  }

  async load(): Promise<LoadReport> {
    throw new ServiceLoadError(this.failure)
  }

  hurry(): void {}

  async prepare(): Promise<void> {}

  unload(): boolean {
    return false
  }

  async stop(): Promise<void> {}
}
