import type { BlobStore } from './blob-store.ts'
import type { JobCache } from './job-cache.ts'
import type { JobLimits } from './limits.ts'
import type { MessageQueues } from './message-queues.ts'
import type { PlanParquet } from './plan/plan-chunks.ts'
import type { RowScorer } from './row-scorer.ts'
import type { ScoringLock } from './score/scoring-lock.ts'

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
  /** Apart from the process that serves HTTP: a damaged file can take all its time and memory. */
  readonly planParquet: PlanParquet
  readonly clock: JobClock
  readonly limits: JobLimits
  /** Who may score at the same time; one for the process. */
  readonly lock: ScoringLock
  /** One for the process. */
  readonly known: JobCache
  /** The app stops: what is being scored is left to others. */
  readonly stopping: AbortSignal
  /** One line for the operator. */
  log(line: string): void
}
