import { ScoringError } from '../errors.ts'
import { BlobChanged, BlobGone } from './blob-store.ts'
import type { JobSpec } from './spec.ts'

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

/** The input cannot be read as what it is said to be; rows before that are fine. */
export class InputUnreadable extends Error {
  override readonly name = 'InputUnreadable'
  readonly code: InputFault

  constructor(code: InputFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export function tooLarge(maxInputBytes: number): InputUnreadable {
  return new InputUnreadable(
    'INPUT_TOO_LARGE',
    `the input has more than ${maxInputBytes} bytes of unpacked text (SCORING_JOB_MAX_INPUT_BYTES); cut it into several`,
  )
}

/** What no retry heals: it ends the job. The message is for its owner: no rows, no secrets. */
export class JobFailure extends Error {
  override readonly name = 'JobFailure'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The job does not want to be scored any more: it has ended, or shall be cancelled, or is gone. */
export class JobStopped extends Error {
  override readonly name = 'JobStopped'
}

/** @returns undefined: a retry may heal it */
export function asJobFailure(failure: unknown, { input, service }: JobSpec): JobFailure | undefined {
  if (failure instanceof JobFailure) return failure
  if (failure instanceof InputUnreadable) return new JobFailure(failure.code, failure.message, { cause: failure.cause })
  const name = 'blob' in input.place ? input.place.blob : input.place.url
  // Only the input is read by version.
  if (failure instanceof BlobChanged) {
    return new JobFailure('INPUT_CHANGED', `the input ${name} is another version now than when the job was submitted`)
  }
  if (failure instanceof BlobGone) return new JobFailure('INPUT_MISSING', `the input ${name} is not there any more`)
  if (failure instanceof ScoringError && failure.code === 'SERVICE_UNKNOWN') {
    return new JobFailure('SERVICE_UNKNOWN', `there is no service "${service}" any more`)
  }
  return undefined
}
