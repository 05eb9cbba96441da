import type { LoadReport } from '../../models/session/load-report.ts'
import type { RunStats } from '../../scheduling/dispatch.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import type { InferenceResult } from '../../scheduling/inference-result.ts'

/** Why a thread is gone. */
export type ThreadEnd =
  | { readonly kind: 'ended'; readonly detail: string }
  | { readonly kind: 'out-of-memory'; readonly detail: string }

/** What a thread tells the scheduler that owns it. */
export interface ThreadEvents {
  /** The service is loaded and warmed; dispatches may begin. */
  onLoaded(report: LoadReport): void
  /** Loading failed for a reason the owner of the service must mend. The thread ends. */
  onLoadFailed(reason: string): void
  /** Answers to the requests `from`, `from + 1`, … in the order of the dispatch, or in `indexes`. */
  onAnswers(indexes: readonly number[], answers: readonly InferenceResult[]): void
  /** What it ran, for the record. */
  onRuns(stats: RunStats): void
  /** Every request of the dispatch has been answered, but those that it `yielded` between two slices: a further dispatch resumes these. */
  onIdle(yielded: readonly number[]): void
  /** The thread is gone, whoever ended it. */
  onEnd(end: ThreadEnd): void
}

/** One worker thread that serves one service. Port: `workers/transport/node-worker.ts` implements it. */
export interface ScoringThread {
  /**
   * @param requests  at most `maxDispatchSize` with those resumed; bodies of some size are moved, not copied
   * @param resumed  positions in `yielded`; these requests come first in the dispatch. The thread drops the others.
   */
  dispatch(requests: readonly InferenceRequest[], resumed: readonly number[]): void
  /** Whether request `index` of the current dispatch is being run right now. */
  isRunning(index: number): boolean
  /** Whether the script is decoding it, without keeping the thread. */
  isDecoding(index: number): boolean
  /** Whether its run has ended, and its answer is on the way. */
  isAnswered(index: number): boolean
  /**
   * Takes back request `index`, so that another thread can run it: the thread has not begun it, or is not kept by it. What
   * it tells of it later counts for nothing.
   *
   * @returns false when it is being run or has been: what a script has done once it is not to do again
   */
  withdraw(index: number): boolean
  /** When what runs now began, by the clock of the scheduler. */
  runningSince(): number
  /** Milliseconds that it has computed so far: not those in which it had nothing to do, or waited for something else. */
  computedMs(): number
  /** Bodies of answers are still on their way out of it, and its end would cut them off; absent: it has none. */
  readonly isStreaming?: boolean
  /** MiB of JavaScript memory the thread holds; undefined when it does not answer. */
  memoryMb(): Promise<number | undefined>
  /** Ends the thread wherever it is; `onEnd` follows. */
  end(): Promise<void>
}

export type StartThread = (events: ThreadEvents) => ScoringThread
