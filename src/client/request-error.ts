import { type ErrorCode, isErrorCode } from '../errors.ts'

/** A request that failed: the service answered with an error, or did not answer. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  /** HTTP status of the answer; undefined when there was none. */
  readonly status: number | undefined
  /** Stable code, see guide/errors.md; undefined when the answer has none that is known. */
  readonly code: ErrorCode | undefined
  /** Seconds after which to try again, if the service says so. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    message: string,
    answer: { status?: number; code?: unknown; retryAfter?: string | null } = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.status = answer.status
    this.code = isErrorCode(answer.code) ? answer.code : undefined
    this.retryAfterSeconds = /^\d{1,9}(\.\d+)?$/.test(answer.retryAfter ?? '') ? Number(answer.retryAfter) : undefined
  }
}
