import { type ErrorCode, isErrorCode } from '../errors.ts'

/** A request that was answered with an error: status 400 or more. */
export class RequestError extends Error {
  /** HTTP status of the answer. */
  readonly status: number
  /** Stable code, see guide/errors.md; undefined when a script has made the answer itself. */
  readonly code: ErrorCode | undefined
  /** The whole answer, as `score` would have returned it. */
  readonly body: unknown

  constructor(status: number, body: unknown) {
    const { code, message } = (typeof body === 'object' && body !== null ? body : {}) as Partial<RequestError>
    super(typeof message === 'string' ? message : `the request was answered with status ${status}`)
    this.name = 'RequestError'
    this.status = status
    this.code = isErrorCode(code) ? code : undefined
    this.body = body
  }
}
