/** What the workers of a service do at this moment. */
import type { WorkerHandle } from './worker-handle.ts'
import type { WorkerState } from './worker-state.ts'

type Workers = ReadonlySet<WorkerHandle>

export interface ThreadCounts {
  readonly threads: Readonly<Record<'loading' | 'idle' | 'busy' | 'ended', number>>
  /** Ended workers that go on with a run whose request was answered with an error: nothing can stop native code. */
  readonly runsGivenUp: number
}

/** Workers that a dispatch can go to. */
interface FreeWorkers {
  readonly idle: WorkerHandle | undefined
  readonly idleCount: number
  /** A worker that holds requests which it yielded. */
  readonly paused: WorkerHandle | undefined
}

const countedAs = {
  loading: 'loading',
  failed: 'loading',
  idle: 'idle',
  busy: 'busy',
  paused: 'busy',
  ending: 'ended',
  ended: 'ended',
} as const satisfies Record<WorkerState['kind'], keyof ThreadCounts['threads']>

export function countThreads(workers: Workers): ThreadCounts {
  const threads = { loading: 0, idle: 0, busy: 0, ended: 0 }
  let runsGivenUp = 0
  for (const { state } of workers) {
    threads[countedAs[state.kind]]++
    if (state.kind === 'ending' && (state.reason === 'timeout' || state.reason === 'memory')) runsGivenUp++
  }
  return { threads, runsGivenUp }
}

/** Whether it cannot score yet. */
export function isLoading({ state }: WorkerHandle): boolean {
  return countedAs[state.kind] === 'loading'
}

/** Whether a worker scores, or may soon. */
export function hasScoring(workers: Workers): boolean {
  for (const { state } of workers) if (state.kind !== 'ending' && state.kind !== 'failed') return true
  return false
}

export function findFree(workers: Workers): FreeWorkers {
  let idle: WorkerHandle | undefined
  let idleCount = 0
  let paused: WorkerHandle | undefined
  for (const worker of workers) {
    if (worker.state.kind === 'paused') paused ??= worker
    if (worker.state.kind !== 'idle') continue
    idleCount++
    // A request may crash its worker, and cut off what streams out of it.
    if (!idle || (idle.isStreaming && !worker.isStreaming)) idle = worker
  }
  return { idle, idleCount, paused }
}

/** Workers that run requests of batch jobs. */
export function countBackground(workers: Workers): number {
  let count = 0
  for (const { state, isBackground } of workers) if (state.kind === 'busy' && isBackground) count++
  return count
}

/** A caller waits for a request that a worker has yielded. */
export function hasPausedCaller(workers: Workers): boolean {
  for (const worker of workers) if (worker.state.kind === 'paused' && worker.hasCaller) return true
  return false
}

/** Whether no worker has a request, or streams an answer. */
export function areIdle(workers: Workers): boolean {
  for (const worker of workers) {
    const { kind } = worker.state
    if (kind === 'busy' || kind === 'paused' || worker.hasUnanswered || worker.isStreaming) return false
  }
  return true
}
