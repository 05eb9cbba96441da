import type { DispatchCost } from '../../scheduling/dispatch-cost.ts'
import type { RequestQueue } from '../../scheduling/request-queue.ts'
import type { WorkerPool } from './worker-pool.ts'

interface QueueAndWorkers {
  /** The requests of callers. */
  readonly queue: RequestQueue['online']
  readonly pool: WorkerPool
  readonly cost: DispatchCost
  readonly now: number
}

/** Estimates how long a request that is queued now will wait for a worker, in milliseconds, from the dispatches of the past. */
export function estimateWaitMs({ queue, pool, cost, now }: QueueAndWorkers): number {
  let free = 0
  for (const { state } of pool.workers) if (state.kind === 'idle' || state.kind === 'loading') free++
  if (queue.length >= free && pool.mayGrow()) free++
  if (queue.length < free) return 0
  const { isBatchable } = pool
  let ms = cost.estimateMs(queue.minDispatches, queue.work, isBatchable)
  let busy = 0
  for (const worker of pool.workers) {
    const { state } = worker
    if ((state.kind !== 'busy' && state.kind !== 'paused') || worker.isStalled(now)) continue
    busy++
    // Requests of jobs are no measure of others, and a request that was resumed lets others run beside it.
    if (state.kind === 'busy' && !state.isResumed && !worker.isBackground)
      ms += Math.max(0, cost.estimateMs(1, worker.work, isBatchable) - (now - state.since))
  }
  return ms / Math.max(1, busy + free)
}
