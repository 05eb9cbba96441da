import type { LoadReport } from '../../models/session/load-report.ts'
import type { RunStats } from '../../scheduling/dispatch.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import type { InferenceResult } from '../../scheduling/inference-result.ts'

/** What a worker's thread reports to the pool. */
export type WorkerEvent =
  /** The service is loaded and warmed; dispatches may begin. */
  | { readonly kind: 'loaded'; readonly report: LoadReport }
  /** Loading failed for a reason that the owner of the service has to fix. */
  | { readonly kind: 'load-failed'; readonly reason: string }
  | WorkerResults
  /** The thread is gone, ended by us or by itself. */
  | { readonly kind: 'exited'; readonly isOutOfMemory: boolean; readonly detail: string }

/** Results of some requests of a dispatch, and what was run since the last ones. */
export interface WorkerResults extends RunStats {
  readonly kind: 'results'
  /** The indexes in the dispatch of the requests that `results` belong to. */
  readonly indexes: readonly number[]
  readonly results: readonly InferenceResult[]
  /** The dispatch is done: all of its requests have their results or are `yielded`. */
  readonly isLast: boolean
  /** Indexes of requests that are paused between two slices; the next dispatch can resume them. */
  readonly yielded: readonly number[]
}

/** One thread that serves one service. Port: `workers/transport/node-worker.ts` implements it. */
export interface WorkerThread {
  /**
   * Runs requests. One dispatch at a time.
   *
   * @param requests  at most `maxDispatchSize` with those resumed; large bodies are moved, not copied
   * @param resumed  positions in the last `yielded`; these requests come first in the dispatch, and the thread drops the rest
   */
  dispatch(requests: readonly InferenceRequest[], resumed: readonly number[]): void
  /** Whether the thread runs request `index` of the dispatch right now. */
  isRunning(index: number): boolean
  /** Whether the script decodes it, and leaves the thread free meanwhile. */
  isDecoding(index: number): boolean
  /** Whether its run has ended; the result may still be on the way. */
  isAnswered(index: number): boolean
  /**
   * Takes request `index` back, so that another worker can run it. The thread does not begin it any more, and its result is
   * not reported.
   *
   * @returns false when it is running or has been run: what a script has done once must not be done again
   */
  takeBack(index: number): boolean
  /** When what runs now began, by the clock of the scheduler. */
  runningSince(): number
  /** Milliseconds that the thread has computed so far, without those in which it waited. */
  computedMs(): number
  /** Whether bodies of results still stream out of the thread; its end would cut them off. */
  readonly isStreaming: boolean
  /** MiB of JavaScript memory that the thread holds; undefined when it does not answer. */
  memoryMb(): Promise<number | undefined>
  /** Ends the thread; `exited` follows, when native code lets it. */
  terminate(): Promise<void>
}

export type StartWorker = (onEvent: (event: WorkerEvent) => void) => WorkerThread
