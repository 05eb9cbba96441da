import type { Clock } from '../clock.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import type { BlobStore } from './blob-store.ts'
import type { EventOutcome, EventSender } from './event-sender.ts'
import type { JobCache } from './job-cache.ts'
import type { KeptChunks } from './kept-chunks.ts'
import type { JobLimits } from './limits.ts'
import type { MessageQueues } from './message-queues.ts'
import type { RowScorer } from './row-scorer.ts'

/** The dependencies of every step. */
export interface JobTools {
  readonly store: BlobStore
  readonly queues: MessageQueues
  readonly scorer: RowScorer
  readonly events: EventSender
  /** Counts an attempt to send the event of a job. @param service  that of the job */
  readonly countEvent: (service: string, outcome: EventOutcome) => void
  readonly clock: Clock
  readonly limits: JobLimits
  /** One for the process. */
  readonly cache: JobCache
  /** The pieces of texts that are planned and not scored yet. One for the process. */
  readonly texts: KeptChunks<readonly Uint8Array[]>
  /** Absent: steps are not traced. */
  readonly tracing?: Tracing | undefined
  /** Aborted when the app stops. Other instances then continue the chunks of this one. */
  readonly stopping: AbortSignal
  /** Writes one line for the operator. */
  log(line: string): void
}
