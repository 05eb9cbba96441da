import { ScoringError } from '../../errors.ts'
import { sha256 } from './job-request.ts'

/**
 * The id of a job, which makes asking twice safe: the caller's own, or one made of the header `Idempotency-Key` and the
 * service, so that keys of callers of other services do not meet.
 *
 * @returns undefined: the caller gave none
 * @throws ScoringError JOB_INVALID when both are given and differ
 */
export function chooseJobId(
  service: string,
  jobId: string | undefined,
  idempotencyKey: string | undefined,
): string | undefined {
  if (idempotencyKey === undefined) return jobId
  if (idempotencyKey === '') {
    throw new ScoringError(
      'JOB_INVALID',
      'Idempotency-Key: is empty; send any text that names this job, or no such header',
    )
  }
  if (jobId === undefined) return `key-${sha256(`${service}\n${idempotencyKey}`).slice(0, 40)}`
  if (jobId === idempotencyKey) return jobId
  throw new ScoringError(
    'JOB_INVALID',
    'jobId: differs from the header Idempotency-Key; send one of them, or twice the same',
  )
}
