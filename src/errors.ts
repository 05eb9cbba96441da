/** Lists every failure that callers can get, with its HTTP status. Codes are stable; messages may be reworded. */
export const statusOf = {
  BEARER_MISSING: 401,
  BEARER_MALFORMED: 401,
  BEARER_REJECTED: 401,
  ROLE_MISSING: 403,
  TOKEN_KEYS_UNAVAILABLE: 503,
  TOO_MANY_WRONG_KEYS: 429,
  KEYS_UNAVAILABLE: 503,
  SERVICE_UNKNOWN: 404,
  DEPLOYMENT_UNKNOWN: 404,
  JOB_UNKNOWN: 404,
  JOB_INVALID: 400,
  JOB_LIST_MARKER_INVALID: 400,
  JOB_INPUT_MISSING: 400,
  JOB_INPUT_EMPTY: 400,
  JOB_INPUT_NOT_ALLOWED: 403,
  JOB_INPUT_TOO_LARGE: 413,
  JOB_INPUT_CHANGED: 409,
  JOB_OUTPUT_EXISTS: 409,
  JOB_OUTPUT_NOT_ALLOWED: 403,
  JOB_EVENT_NOT_ALLOWED: 403,
  JOB_ID_TAKEN: 409,
  JOB_NOT_CANCELLABLE: 409,
  JOB_NOT_COMPLETED: 409,
  JOB_OUTPUT_MISSING: 404,
  TOO_MANY_JOBS: 429,
  JOBS_UNAVAILABLE: 503,
  NOT_ENCRYPTED: 404,
  PUBLIC_KEYS_UNKNOWN: 400,
  PUBLIC_KEYS_EXIST: 409,
  PUBLIC_KEYS_UNAVAILABLE: 503,
  TOO_MANY_PUBLIC_KEYS: 429,
  PATH_UNKNOWN: 404,
  OPENAPI_VERSION_UNKNOWN: 404,
  OPENAPI_VERSION_UNSUPPORTED: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_MALFORMED: 400,
  HEADER_INVALID: 400,
  REQUEST_TIMEOUT: 408,
  HEADERS_TOO_LARGE: 431,
  REQUEST_ID_TOO_LONG: 431,
  BODY_TOO_LARGE: 413,
  BODY_ABORTED: 400,
  BODY_EMPTY: 400,
  BODY_NOT_UTF8: 400,
  BODY_NOT_JSON: 400,
  BODY_NOT_OBJECT: 400,
  BODY_NESTED_TOO_DEEPLY: 400,
  BODY_NOT_DECOMPRESSIBLE: 400,
  CONTENT_TYPE_UNSUPPORTED: 415,
  CONTENT_ENCODING_UNSUPPORTED: 415,
  INPUT_MISSING: 400,
  INPUT_UNKNOWN: 400,
  INPUT_SHAPE_MISMATCH: 400,
  INPUT_RAGGED: 400,
  INPUT_TYPE_MISMATCH: 400,
  INPUT_INVALID: 400,
  INPUT_NOT_NPY: 400,
  IMAGE_NOT_DECODABLE: 400,
  IMAGE_TOO_LARGE: 413,
  TOO_MANY_ROWS: 413,
  TENSORS_NOT_TAKEN: 501,
  OPERATION_UNSUPPORTED: 501,
  QUEUE_FULL: 503,
  SERVICE_LOADING: 503,
  SERVICE_UNAVAILABLE: 503,
  SERVICE_STOPPING: 503,
  APP_NOT_STARTED: 503,
  SCORING_TIMEOUT: 504,
  ENTRY_SCRIPT_FAILED: 500,
  ENTRY_SCRIPT_ENDED_THREAD: 500,
  ENTRY_SCRIPT_OUT_OF_MEMORY: 500,
  OUTPUT_NOT_SERIALISABLE: 500,
  ANSWER_TOO_LARGE: 500,
  MODEL_RUN_FAILED: 500,
  STAGE_MISMATCH: 500,
  INTERNAL: 500,
  HTTP_VERSION_UNSUPPORTED: 505,
} as const

export type ErrorCode = keyof typeof statusOf

type Branded = Error & { readonly [brand: symbol]: unknown }

/**
 * Makes `instanceof` recognise instances of every copy of a class, as each bundle has its own copy. They are recognised by a
 * brand in the symbol registry, never by `name`, which any error of a script may have. Subclasses are checked as usual.
 *
 * @param isValid  a further condition for each instance
 */
export function brand<T extends Error>(
  type: abstract new (...parameters: never[]) => T,
  name: string,
  isValid: (error: T) => boolean = () => true,
): void {
  const symbol = Symbol.for(`scoring-functions.${name}`)
  Object.defineProperty(type.prototype, symbol, { value: true })
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== type) return Function.prototype[Symbol.hasInstance].call(this as typeof Error, value)
      return value instanceof Error && (value as Branded)[symbol] === true && isValid(value as T)
    },
  })
}

/** A failure whose message may be shown to the caller; its `cause` only goes to the log. */
export class ScoringError extends Error {
  readonly code: ErrorCode
  /** Seconds after which to try again, if known. */
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { retryAfterSeconds?: number | undefined }) {
    super(message, options)
    this.name = 'ScoringError'
    this.code = code
    this.retryAfterSeconds = options?.retryAfterSeconds
  }

  get status(): number {
    return statusOf[this.code]
  }
}

// Without a known code there is no status to answer with.
brand(ScoringError, 'ScoringError', ({ code }) => isErrorCode(code))

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(statusOf, code)
}

/** Whether a failure with this status is not the caller's: 501 answers requests for what a service does not do. */
export function isServerFault(status: number): boolean {
  return status >= 500 && status !== 501
}

/**
 * Codes of failures of the entry script or the model. The caller gets a plain sentence, and the log gets the cause (Azure ML
 * answers all of these with `x-ms-run-function-failed: True`).
 */
export const runFailures: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ENTRY_SCRIPT_FAILED',
  'ENTRY_SCRIPT_ENDED_THREAD',
  'ENTRY_SCRIPT_OUT_OF_MEMORY',
  'MODEL_RUN_FAILED',
  'STAGE_MISMATCH',
  'SCORING_TIMEOUT',
])

/** The shape of an input differs from the declared one. */
export class InputShapeMismatch extends ScoringError {
  constructor(input: string, expected: readonly (number | string)[], actual: readonly number[]) {
    super(
      'INPUT_SHAPE_MISMATCH',
      `input "${input}" has shape [${actual.join(', ')}]; expected [${expected.join(', ')}]${explainOpen(expected)}`,
    )
  }
}

/** Returns e.g. ` (rows: any size)` for the sizes that are open. */
function explainOpen(shape: readonly (number | string)[]): string {
  const open = [...new Set(shape.filter(size => typeof size === 'string' || size < 0))]
  return open.length === 0 ? '' : ` (${open.join(', ')}: any size)`
}

/** The request has no rows. */
export class NoRows extends ScoringError {
  constructor(input: string) {
    super('INPUT_SHAPE_MISMATCH', `input "${input}" has no rows; send at least one`)
  }
}

/** A mistake that the operator has to fix before the app can start; shown as one line without a stack trace. */
export class StartupError extends Error {
  override readonly name = 'StartupError'
}
brand(StartupError, 'StartupError')

/** A service that cannot be loaded, while the others can. The message says what its owner has to fix. */
export class ServiceLoadError extends Error {
  override readonly name = 'ServiceLoadError'
}
brand(ServiceLoadError, 'ServiceLoadError')

/** A request body exceeds the limit of the host. */
export class BodyTooLarge extends Error {
  readonly limitBytes: number

  constructor(limitBytes: number) {
    super(`the request body is larger than ${limitBytes} bytes`)
    this.name = 'BodyTooLarge'
    this.limitBytes = limitBytes
  }
}
brand(BodyTooLarge, 'BodyTooLarge')

/** The answer to a body that exceeds `limits.maxBodyBytes` of the service. */
export function bodyTooLarge(maxBodyBytes: number): ScoringError {
  return new ScoringError(
    'BODY_TOO_LARGE',
    `The request body is larger than ${maxBodyBytes} bytes; send fewer rows at a time.`,
  )
}

/** Most characters of a name that a message shows: a request may have names of any length. */
export const maxShown = 64

/** A name in quotes, as a message shows it. */
export function showName(name: string): string {
  return JSON.stringify(name.slice(0, maxShown))
}

/** Converts a failure to a ScoringError: INTERNAL unless it is one already or a failed start. */
export function asScoringError(failure: unknown): ScoringError {
  if (failure instanceof ScoringError) return failure
  if (failure instanceof StartupError) {
    return new ScoringError('APP_NOT_STARTED', 'The app could not start. Check the logs for more info.', {
      cause: failure,
    })
  }
  return new ScoringError('INTERNAL', 'An unexpected internal error occurred. Check the logs for more info.', {
    cause: failure,
  })
}
