import type { BlobStore } from './blob-store.ts'
import type { JobCache } from './job-cache.ts'
import type { JobLimits } from './limits.ts'
import type { MessageQueues } from './message-queues.ts'
import type { RowScorer } from './row-scorer.ts'

/** What time it is, and waking up later (`auth/clock.ts` has the same; rooms do not share it). */
export interface JobClock {
  /** Milliseconds since 1970; it may jump. */
  wallMs(): number
  /** Milliseconds since some moment; never jumps. */
  monotonicMs(): number
  /** @returns call it to be left in peace */
  after(ms: number, callback: () => void): () => void
}

/** What the steps of jobs work with. */
export interface JobTools {
  readonly store: BlobStore
  readonly queues: MessageQueues
  readonly scorer: RowScorer
  readonly clock: JobClock
  readonly limits: JobLimits
  /** One for the process. */
  readonly known: JobCache
  /** The app stops: what is being scored is left to others. */
  readonly stopping: AbortSignal
  /** One line for the operator. */
  log(line: string): void
}
