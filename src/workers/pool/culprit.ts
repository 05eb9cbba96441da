import { type Failure, failure } from '../../scheduling/inference-result.ts'
import { canRunAgain, type QueuedRequest, timedOut } from '../../scheduling/request-queue.ts'
import type { WorkerHandle } from './worker-handle.ts'
import type { Crash } from './worker-state.ts'

/** Crashes after which a request fails, although no run of it alone has shown that it caused them. */
const maxCrashes = 3

/**
 * Finds the request that crashed a worker, and fails it with `result`.
 *
 * Requests that were running are suspects: each is retried alone, because an earlier request of the same worker may have left
 * something behind. A suspect that crashes its worker again is the culprit; one that ran past its deadline is it at once.
 * Requests that only waited are retried as they are, as often as it takes. When nothing was running, none of them can be
 * cleared, and they are retried a few times only. A script is never run again for a request that it has answered.
 *
 * @returns the requests to retry, in order
 */
export function failCulprit(
  worker: WorkerHandle,
  { cause }: Crash,
  { result, hasEntryScript }: { readonly result: Failure; readonly hasEntryScript: boolean },
): QueuedRequest[] {
  const suspects = findSuspects(worker, cause)
  const [only] = suspects
  const culprit = suspects.length === 1 && only && (cause === 'timeout' || only.isSuspect) ? only : undefined
  const answered = hasEntryScript ? worker.answered() : []
  culprit?.settle(result)
  return worker.unanswered().filter(queued => {
    if (queued === culprit) return false
    if (answered.includes(queued)) {
      queued.settle(lostResult())
      return false
    }
    const isSuspect = suspects.includes(queued)
    if (isSuspect || suspects.length === 0) queued.crashes++
    queued.isSuspect ||= isSuspect
    if (queued.crashes < maxCrashes && canRunAgain(queued)) return true
    queued.settle(result)
    return false
  })
}

/** A worker that was ended for time has its culprit in what it was running; one that crashed may have it in what it decoded. */
function findSuspects(worker: WorkerHandle, cause: Crash['cause']): QueuedRequest[] {
  const running = worker.running()
  return cause === 'timeout' && running.length > 0 ? running : [...running, ...worker.decoding()]
}

function lostResult(): Failure {
  return failure(
    'ENTRY_SCRIPT_ENDED_THREAD',
    'The scoring script was run, and its thread ended before the answer could be passed on. Check the logs for more info.',
  )
}

/** What the culprit is answered. Where no script runs, it was a run of the model that did not end well. */
export function describeCrash(
  { cause }: Crash,
  { timeoutMs, maxMemoryMb, hasEntryScript }: { timeoutMs: number; maxMemoryMb: number; hasEntryScript: boolean },
): Failure {
  switch (cause) {
    case 'timeout':
      return timedOut(timeoutMs)
    case 'memory':
      return hasEntryScript
        ? failure('ENTRY_SCRIPT_OUT_OF_MEMORY', `The scoring script needed more than ${maxMemoryMb} MiB of memory.`)
        : failure('MODEL_RUN_FAILED', `Scoring this input needed more than ${maxMemoryMb} MiB of memory.`)
    case 'crash':
      return hasEntryScript
        ? failure('ENTRY_SCRIPT_ENDED_THREAD', 'The scoring script ended its thread. Check the logs for more info.')
        : failure('MODEL_RUN_FAILED', 'The thread that scored this input ended. Check the logs for more info.')
  }
}
