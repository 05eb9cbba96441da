import type { LoadReport } from '../models/session/load-report.ts'
import type { QueuedLoad } from '../workers/pool/load-queue.ts'
import type { ServiceScheduler } from '../workers/pool/service-scheduler.ts'

/** What runs the requests of a service; a service whose files cannot be read has nothing that could. */
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
