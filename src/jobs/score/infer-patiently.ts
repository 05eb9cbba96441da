import { setTimeout as delay } from 'node:timers/promises'
import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import { asFailure, type WholeResult } from '../../scheduling/inference-result.ts'
import type { ScoreOptions } from '../row-scorer.ts'

const busyMs = 1000

/**
 * Scores behind the callers of a service, and waits for as long as it is busy or loads.
 *
 * @param read  makes the request anew for each try: its body may have been moved
 * @param span  gets each try as a part
 * @throws ScoringError SERVICE_UNAVAILABLE, SERVICE_STOPPING; AbortError
 */
export async function inferPatiently(
  service: ScoringService,
  read: () => InferenceRequest | Promise<InferenceRequest>,
  { signal, span }: Pick<ScoreOptions, 'signal' | 'span'>,
): Promise<WholeResult> {
  for (;;) {
    signal.throwIfAborted()
    const answer = await infer(service, read, { signal, span }).catch(asAnswer)
    signal.throwIfAborted()
    if (answer.kind !== 'failure') return answer
    if (answer.code === 'SERVICE_UNAVAILABLE' || answer.code === 'SERVICE_STOPPING') {
      throw new ScoringError(answer.code, answer.message)
    }
    if (answer.code !== 'QUEUE_FULL' && answer.code !== 'SERVICE_LOADING') return answer
    const waitMs = answer.retryAfterSeconds === undefined ? busyMs : 1000 * answer.retryAfterSeconds
    await delay(waitMs, undefined, { signal })
  }
}

async function infer(
  service: ScoringService,
  read: () => InferenceRequest | Promise<InferenceRequest>,
  { signal, span }: Pick<ScoreOptions, 'signal' | 'span'>,
): Promise<WholeResult> {
  return service.inferInBackground(await read(), () => signal.aborted, span)
}

function asAnswer(failure: unknown): WholeResult {
  if (!(failure instanceof ScoringError)) throw failure
  return asFailure(failure)
}
