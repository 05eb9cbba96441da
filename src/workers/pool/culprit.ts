import { failure, type InferenceResult } from '../../scheduling/inference-result.ts'
import { canRunAgain, timedOut, type WaitingRequest } from '../../scheduling/request-queue.ts'
import type { WorkerHandle } from './worker-handle.ts'
import type { ThreadEnd } from './worker-thread.ts'

/** Ends of its thread that a request may have to do with before it is given up. */
const maxAttempts = 3

export interface Blame {
  /** What the request that ended its thread is told. */
  readonly answer: InferenceResult
  /** Scripts may have done something that must not be done twice; a run of a model has no effect but its answer. */
  readonly hasEntryScript: boolean
}

/**
 * Finds the request that ended its thread. Whatever was being run may have met what an earlier request of that thread had
 * left behind, so it runs again, alone, before it is blamed: only a second end tells. Whoever kept the thread beyond its
 * time is plain at once. Requests that only waited run again as they were, as often as it takes; when nothing was being
 * run, none of them can be cleared, and they run again a few times only. A script is never run again for a request that
 * it has answered.
 *
 * @returns the requests to run again, in order
 */
export function settleGuilty(worker: WorkerHandle, { answer, hasEntryScript }: Blame): WaitingRequest[] {
  const running = suspectsOf(worker)
  const guilty = running.length === 1 && isProven(worker, running[0] as WaitingRequest) ? running[0] : undefined
  guilty?.settle(answer)
  const suspects = new Set(running)
  const answered = new Set(hasEntryScript ? worker.answered() : [])
  return worker.unanswered().filter(waiting => {
    if (waiting === guilty) return false
    if (answered.has(waiting)) {
      waiting.settle(untold())
      return false
    }
    const isSuspect = suspects.has(waiting)
    if (isSuspect || suspects.size === 0) waiting.attempts++
    waiting.isSuspect ||= isSuspect
    if (waiting.attempts < maxAttempts && canRunAgain(waiting)) return true
    waiting.settle(answer)
    return false
  })
}

/** It has run alone, after another thread had ended under it. */
function isProven({ endedFor }: WorkerHandle, { isSuspect }: WaitingRequest): boolean {
  return endedFor === 'timeout' || isSuspect
}

/** Who keeps a thread too long is plain; a thread that just ends may have been ended by what it was decoding. */
function suspectsOf(worker: WorkerHandle): WaitingRequest[] {
  const running = worker.running()
  return worker.endedFor === 'timeout' && running.length > 0 ? running : [...running, ...worker.decoding()]
}

function untold(): InferenceResult {
  return failure(
    'ENTRY_SCRIPT_ENDED_THREAD',
    'The scoring script was run, and its thread ended before the answer could be passed on. Check the logs for more info.',
  )
}

/** What the request that ended its thread is told. Where no script runs, it was the model's run that did not end well. */
export function answerOfEnd(
  worker: WorkerHandle,
  end: ThreadEnd,
  limits: { timeoutMs: number; maxMemoryMb: number; hasEntryScript: boolean },
): InferenceResult {
  const { timeoutMs, maxMemoryMb, hasEntryScript } = limits
  if (worker.endedFor === 'timeout') return timedOut(timeoutMs)
  if (worker.endedFor === 'memory' || end.kind === 'out-of-memory') {
    return hasEntryScript
      ? failure('ENTRY_SCRIPT_OUT_OF_MEMORY', `The scoring script needed more than ${maxMemoryMb} MiB of memory.`)
      : failure('MODEL_RUN_FAILED', `Scoring this input needed more than ${maxMemoryMb} MiB of memory.`)
  }
  return hasEntryScript
    ? failure('ENTRY_SCRIPT_ENDED_THREAD', 'The scoring script ended its thread. Check the logs for more info.')
    : failure('MODEL_RUN_FAILED', 'The thread that scored this input ended. Check the logs for more info.')
}
