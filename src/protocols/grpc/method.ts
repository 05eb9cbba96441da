import type { Caller } from '../../auth/authorizer.ts'
import type { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { Protocol } from '../../telemetry/service-metrics.ts'
import type { RequestOrigin, WireRequest } from '../http/wire.ts'
import type { MessageWriter } from './message-writer.ts'

/** A gRPC service, as a protocol describes it to the server. `compose/grpc-services.ts` lists them. */
export interface GrpcService {
  /** With its package, e.g. `inference.GRPCInferenceService`. */
  readonly name: string
  /** By the name in the schema, e.g. `ModelInfer`. */
  readonly methods: Readonly<Record<string, GrpcMethod>>
}

/** A method of a gRPC service, by what its messages are for. */
export type GrpcMethod = UnaryMethod | StreamMethod | ScoreMethod | ScoreStreamMethod

/** A small message in and a message out; nothing is scored. */
export interface UnaryMethod {
  readonly kind: 'unary'
  /** @throws ScoringError, whose code gives the status of the call */
  answer(message: Uint8Array, call: GrpcCall): MessageWriter | Promise<MessageWriter>
}

/** Small messages in and messages out, for as long as the caller likes; nothing is scored. */
export interface StreamMethod {
  readonly kind: 'stream'
  /** The call ends with the status OK when this does. @throws ScoringError, whose code gives the status of the call */
  answer(call: StreamCall): Promise<void>
}

/** One message that a service scores. */
export interface ScoreMethod extends ScoredMessages {
  readonly kind: 'score'
}

/** Messages that services score, each answered in order of arrival; one that fails does not end the call. */
export interface ScoreStreamMethod extends ScoredMessages {
  readonly kind: 'score-stream'
  /** @param head  the beginning of the message, as for `readModel`; undefined where none could be read */
  encodeFailure(failure: ScoringError, head: Uint8Array | undefined): MessageWriter
}

/** How messages say what is to be scored. Their codec reads them as they came, and writes answers with `frame`. */
export interface ScoredMessages {
  /** The codec in the workers. */
  readonly codec: string
  /** For metrics. */
  readonly protocol: Protocol
  /**
   * Reads which model is meant. The name is the first field that serializers write, so that the caller can be checked before
   * the rest has come; the codec has to check that the whole message says nothing else (`isSameModel`).
   *
   * @param head  the beginning of the message, of a small one all of it; it may be cut anywhere, and be malformed
   * @returns no name when the message does not begin with one
   */
  readModel(head: Uint8Array): NamedModel
  /** The field that the bytes of a tensor are in: the messages that it is within, and its own number. */
  readonly tensorField: readonly number[]
}

/** A model as a message names it; absent or empty: it does not say. */
export interface NamedModel {
  readonly name?: string | undefined
  readonly version?: string | undefined
}

/** What a method sees of a call. */
export interface GrpcCall {
  /** `authorization` is as HTTP has it, although callers of gRPC may leave `Bearer` out. */
  readonly request: RequestHead
  readonly caller: Caller
  /** Whether the caller has left. */
  readonly isAbandoned: boolean
  /**
   * Finds the service that a call is for: that of the header `x-ms-aml-grpc-service-route`, else the named one, else the
   * default one.
   *
   * @throws ScoringError SERVICE_UNKNOWN
   */
  findService(model: NamedModel): ScoringService
  /** Checks the caller's credential. @throws ScoringError as the service's `Authorizer` says */
  authorize(service: ScoringService): void | Promise<void>
}

/** The head of a call. */
export type RequestHead = RequestOrigin & Pick<WireRequest, 'method'>

/** What a method with many messages sees of a call. */
export interface StreamCall extends GrpcCall {
  /** The next message; undefined: the caller sends no more. @throws ScoringError BODY_TOO_LARGE, BODY_ABORTED, SERVICE_STOPPING */
  next(): Promise<Uint8Array | undefined>
  /** Sends an answer, and waits until the caller takes more. @throws ScoringError BODY_ABORTED */
  send(message: MessageWriter): Promise<void>
  /** Waits for so many milliseconds, or until the caller has left. @returns whether the call goes on: not when the app stops */
  pause(ms: number): Promise<boolean>
}

/** Bytes before each message: whether it is compressed, and its length (gRPC over HTTP/2, Length-Prefixed-Message). */
export const prefixBytes = 5

/**
 * Writes a message as it goes over the wire, in one buffer that can be transferred.
 *
 * @throws RangeError for a message of 4 GiB or more
 */
export function frame(message: MessageWriter): Uint8Array<ArrayBuffer> {
  if (message.size > 0xffffffff) throw new RangeError('a gRPC message has less than 4 GiB')
  const framed = message.finish(prefixBytes)
  new DataView(framed.buffer).setUint32(1, message.size)
  return framed
}

/** Whether a message names the model that its service was found by; names of services have `-` where clients may have `_`. */
export function isSameModel(named: string, found: string | undefined): boolean {
  return named === '' || (found !== undefined && named.replaceAll('_', '-') === found.replaceAll('_', '-'))
}
