import type { ErrorCode, ScoringError } from '../errors.ts'
import type { Feeds } from '../models/session/model-session.ts'

/** What becomes of a request. */
export type InferenceResult = (Output<Uint8Array | ReadableStream<Uint8Array>> & Scored) | Failure

/** A result whose body is there as a whole. */
export type WholeResult = (Output<Uint8Array> & Scored) | Failure

/** What a run gave, as its codec wrote it. */
export type Output<Body> = EncodedText | EncodedBytes | TensorOutputs | ScriptResponse<Body>

/** The answer in the text of the codec. */
export interface EncodedText {
  readonly kind: 'encoded'
  readonly body: string
}

/** The answer in the bytes of the codec. */
export interface EncodedBytes {
  readonly kind: 'bytes'
  readonly body: Uint8Array
  /** Bytes at the beginning that are text, where others follow; 0: there is no such part. */
  readonly textBytes: number
}

/** The tensors by output, for a request whose codec asks for them. */
export interface TensorOutputs {
  readonly kind: 'tensors'
  readonly outputs: Feeds
}

/** The HTTP response that a script made itself. A body that is a stream comes while the worker already runs other requests. */
export interface ScriptResponse<Body> {
  readonly kind: 'response'
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Body
}

interface Scored {
  readonly timings: Timings
  /** 0: the script sees no rows. */
  readonly rowCount: number
  /** Present where the workers of a service may run on different providers. */
  readonly executionProvider?: string
}

export interface Failure {
  readonly kind: 'failure'
  readonly code: ErrorCode
  readonly message: string
  /** When a retry makes sense, where that is known. */
  readonly retryAfterSeconds?: number
}

/** Where the time of a request went, in milliseconds. */
export interface Timings {
  /** From acceptance to dispatch; the pool fills it in. */
  queueMs: number
  /** In the worker, while other requests of the same dispatch had their turn. */
  readonly batchMs: number
  readonly decodeMs: number
  /** The run that the request took part in. */
  readonly runMs: number
  readonly encodeMs: number
  /** Rows of that run, of all its requests; where they have no rows, the requests. */
  readonly batchSize?: number
}

export function failure(code: ErrorCode, message: string): Failure {
  return { kind: 'failure', code, message }
}

export function asFailure({ code, message, retryAfterSeconds }: ScoringError): Failure {
  return { ...failure(code, message), ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }
}

/** Cancels the stream of a result that no caller receives. */
export function discard(result: InferenceResult): void {
  if (result.kind === 'response' && !ArrayBuffer.isView(result.body)) result.body.cancel().catch(() => {})
}
