import { ScoringError } from '../../errors.ts'

export function invalidJob(message: string, options?: ErrorOptions): ScoringError {
  return new ScoringError('JOB_INVALID', message, options)
}
