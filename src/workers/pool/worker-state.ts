import type { LoadReport } from '../../models/session/load-report.ts'
import type { WorkerEvent } from './worker-thread.ts'

/** The life of a worker: loading → idle ⇄ busy ⇄ paused, and from each of them to its end. Times are the scheduler's clock. */
export type WorkerState =
  | { readonly kind: 'loading'; readonly since: number }
  /** Loading failed; the thread is about to exit. */
  | { readonly kind: 'failed' }
  | { readonly kind: 'idle' }
  /** It runs a dispatch. `since` is when the first request of it began, also if that was resumed since. */
  | { readonly kind: 'busy'; readonly since: number; readonly isResumed: boolean }
  /** It holds requests that it yielded; the next dispatch resumes them. */
  | { readonly kind: 'paused'; readonly since: number }
  /** It was told to exit. Native code may delay that for as long as it runs. */
  | { readonly kind: 'ending'; readonly reason: EndReason; readonly since: number }
  | { readonly kind: 'ended' }

/** Why we end a worker: what it runs exceeds a limit, there are too many workers, or the service stops. */
type EndReason = ExceededLimit | 'surplus' | 'stop'
export type ExceededLimit = 'timeout' | 'memory'

/** What happens to a worker: what its thread reports, and what the pool does with it. */
export type LifeEvent =
  | WorkerEvent
  | { readonly kind: 'dispatched'; readonly at: number }
  | { readonly kind: 'limit-exceeded'; readonly limit: ExceededLimit; readonly at: number }
  | { readonly kind: 'surplus'; readonly at: number }
  | { readonly kind: 'stopped'; readonly at: number }

/** What the pool does about an event. */
export type WorkerAction =
  /** The service can score. */
  | { readonly kind: 'announce'; readonly report: LoadReport }
  /** The service cannot score, unless other workers do. */
  | { readonly kind: 'fail-load'; readonly reason: string }
  /** The thread ended while it loaded: another try may succeed. */
  | { readonly kind: 'retry-load'; readonly detail: string }
  /** The dispatch that began at `since` is done: learn from what it took. */
  | { readonly kind: 'measure'; readonly since: number }
  /** End the worker if there are more than there may be. */
  | { readonly kind: 'trim' }
  /** Its CPU share is free, and so may be a worker: dispatch what is queued. */
  | { readonly kind: 'release' }
  /** Queue again what the worker has not begun. */
  | { readonly kind: 'take-back' }
  | { readonly kind: 'terminate' }
  /** Log it if the worker goes on in spite of `terminate`. */
  | { readonly kind: 'warn'; readonly limit: ExceededLimit }
  /** Fail the request that crashed the worker, and queue the others again. */
  | { readonly kind: 'recover'; readonly crash: Crash }
  | { readonly kind: 'replace'; readonly wasLoading: boolean }
  /** Answer what it holds: the service stops. */
  | { readonly kind: 'abort' }

/** An end of a worker that took requests with it. */
export interface Crash {
  readonly cause: ExceededLimit | 'crash'
  /** What the thread said of its end, for the log. */
  readonly detail: string
  /** When we gave the worker up; absent: it ended by itself. */
  readonly endedAt?: number
}

interface Transition {
  readonly state: WorkerState
  readonly actions: readonly WorkerAction[]
}

/** Decides what an event makes of a worker. An event that does not suit the state changes nothing. */
export function next(state: WorkerState, event: LifeEvent): Transition {
  switch (event.kind) {
    case 'loaded':
      if (state.kind !== 'loading') break
      return { state: { kind: 'idle' }, actions: [{ kind: 'announce', report: event.report }, { kind: 'release' }] }
    case 'load-failed':
      if (state.kind !== 'loading') break
      return {
        state: { kind: 'failed' },
        actions: [{ kind: 'fail-load', reason: event.reason }, { kind: 'terminate' }],
      }
    case 'dispatched':
      if (state.kind === 'idle') return { state: { kind: 'busy', since: event.at, isResumed: false }, actions: [] }
      if (state.kind === 'paused') return { state: { kind: 'busy', since: state.since, isResumed: true }, actions: [] }
      break
    case 'results':
      if (state.kind !== 'busy' || !event.isLast) break
      if (event.yielded.length > 0)
        return { state: { kind: 'paused', since: state.since }, actions: [{ kind: 'release' }] }
      // The time of a resumed request is no measure of what others wait: they run beside it.
      return {
        state: { kind: 'idle' },
        actions: [
          ...(state.isResumed ? [] : [{ kind: 'measure', since: state.since } as const]),
          { kind: 'trim' },
          { kind: 'release' },
        ],
      }
    case 'limit-exceeded':
      if (state.kind !== 'busy' && state.kind !== 'paused') break
      return {
        state: { kind: 'ending', reason: event.limit, since: event.at },
        actions: [{ kind: 'take-back' }, { kind: 'terminate' }, { kind: 'warn', limit: event.limit }],
      }
    case 'surplus':
      if (state.kind !== 'idle') break
      return { state: { kind: 'ending', reason: 'surplus', since: event.at }, actions: [{ kind: 'terminate' }] }
    case 'stopped':
      if (state.kind === 'ended') break
      return { state: { kind: 'ending', reason: 'stop', since: event.at }, actions: [{ kind: 'terminate' }] }
    case 'exited':
      return { state: { kind: 'ended' }, actions: afterExit(state, event) }
  }
  return { state, actions: [] }
}

function afterExit(state: WorkerState, { isOutOfMemory, detail }: WorkerEvent & { kind: 'exited' }): WorkerAction[] {
  switch (state.kind) {
    case 'loading':
      return [{ kind: 'retry-load', detail }, { kind: 'replace', wasLoading: true }, { kind: 'release' }]
    case 'failed':
      return [{ kind: 'replace', wasLoading: true }, { kind: 'release' }]
    case 'idle':
    case 'busy':
    case 'paused':
      return recovery({ cause: isOutOfMemory ? 'memory' : 'crash', detail })
    case 'ending':
      if (state.reason === 'stop') return [{ kind: 'abort' }, { kind: 'release' }]
      if (state.reason === 'surplus') return [{ kind: 'release' }]
      return recovery({ cause: state.reason, detail, endedAt: state.since })
    case 'ended':
      return []
  }
}

/** In this order: what is queued again comes first when the CPU share is given back. */
function recovery(crash: Crash): WorkerAction[] {
  return [{ kind: 'recover', crash }, { kind: 'replace', wasLoading: false }, { kind: 'release' }]
}
