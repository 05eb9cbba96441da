import { ScoringError } from '../errors.ts'
import { BlobChanged, BlobGone, StorageError } from './blob-store.ts'
import { inputName, type JobSpec } from './spec.ts'

export type InputFault =
  | 'INPUT_TOO_LARGE'
  | 'INPUT_TOO_COSTLY'
  | 'INPUT_NOT_UTF8'
  | 'INPUT_NOT_GZIP'
  | 'INPUT_TRUNCATED'
  | 'INPUT_NOT_CSV'
  | 'INPUT_NOT_JSON_ARRAY'
  | 'INPUT_NOT_PARQUET'
  | 'INPUT_COLUMNS_UNFIT'
  | 'INPUT_HAS_NO_HEADER'

/** A failure that ends the job, because no retry can help. Its message is for the owner, without rows and secrets. */
export class JobFailure<Code extends string = string> extends Error {
  override readonly name: string = 'JobFailure'
  readonly code: Code

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The input cannot be read in its format. Chunks before the fault are valid. */
export class InputUnreadable extends JobFailure<InputFault> {
  override readonly name = 'InputUnreadable'
}

export function tooLarge(maxInputBytes: number): InputUnreadable {
  return new InputUnreadable(
    'INPUT_TOO_LARGE',
    `the decompressed input has more than ${maxInputBytes} bytes (SCORING_JOB_MAX_INPUT_BYTES); split it into several`,
  )
}

export function modelChanged(service: string): JobFailure {
  return new JobFailure(
    'MODEL_CHANGED',
    `the model, script or definition of the service "${service}" has changed since the job was submitted`,
  )
}

/** The job is no longer active: it has ended, is being cancelled, or is gone. */
export class JobStopped extends Error {
  override readonly name = 'JobStopped'
}

/**
 * @param name  of the input
 * @returns undefined when the failure is not that its version cannot be read for hours at least
 */
export function asInputFailure(failure: unknown, name: string): JobFailure | undefined {
  if (failure instanceof BlobChanged) {
    return new JobFailure('INPUT_CHANGED', `the input ${name} has changed since the job was submitted`)
  }
  if (failure instanceof BlobGone) return new JobFailure('INPUT_MISSING', `the input ${name} no longer exists`)
  if (failure instanceof StorageError && failure.code === 'BlobArchived') {
    const advice = 'which takes hours to read; change its tier, and submit the job when that is done'
    return new JobFailure('INPUT_ARCHIVED', `the input ${name} is in the archive tier, ${advice}`)
  }
  return undefined
}

/** @returns undefined when a retry may succeed */
export function asJobFailure(failure: unknown, { input, service }: JobSpec): JobFailure | undefined {
  if (failure instanceof JobFailure) return failure
  if (failure instanceof ScoringError && failure.code === 'SERVICE_UNKNOWN') {
    return new JobFailure('SERVICE_UNKNOWN', `the service "${service}" no longer exists`)
  }
  // The input is the only blob that is read by version.
  return asInputFailure(failure, inputName(input))
}
