/** The end of a call: statuses of gRPC, and the trailers that say them ("gRPC over HTTP2", Responses). */
import { type ErrorCode, type ScoringError, statusOf } from '../../errors.ts'

/** Codes of google.rpc.Code, as far as calls end with them. */
export const grpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const

export type GrpcStatus = (typeof grpcStatus)[keyof typeof grpcStatus]

/** Statuses by what a failure is over HTTP. */
const byHttpStatus: Readonly<Record<(typeof statusOf)[ErrorCode], GrpcStatus>> = {
  400: grpcStatus.INVALID_ARGUMENT,
  401: grpcStatus.UNAUTHENTICATED,
  403: grpcStatus.PERMISSION_DENIED,
  404: grpcStatus.NOT_FOUND,
  405: grpcStatus.UNIMPLEMENTED,
  408: grpcStatus.DEADLINE_EXCEEDED,
  409: grpcStatus.ALREADY_EXISTS,
  413: grpcStatus.RESOURCE_EXHAUSTED,
  415: grpcStatus.INVALID_ARGUMENT,
  429: grpcStatus.RESOURCE_EXHAUSTED,
  431: grpcStatus.INVALID_ARGUMENT,
  500: grpcStatus.INTERNAL,
  501: grpcStatus.UNIMPLEMENTED,
  503: grpcStatus.UNAVAILABLE,
  504: grpcStatus.DEADLINE_EXCEEDED,
  505: grpcStatus.INTERNAL,
}

/**
 * Where gRPC tells apart what HTTP does not, or clients make a difference: the C# client of FPGA services repeats UNAVAILABLE and
 * INTERNAL ten times without a pause, so a full queue and the failure of a script are neither.
 */
const exceptions: Readonly<Partial<Record<ErrorCode, GrpcStatus>>> = {
  PATH_UNKNOWN: grpcStatus.UNIMPLEMENTED,
  CONTENT_ENCODING_UNSUPPORTED: grpcStatus.UNIMPLEMENTED,
  BODY_ABORTED: grpcStatus.CANCELLED,
  IMAGE_TOO_LARGE: grpcStatus.INVALID_ARGUMENT,
  TOO_MANY_ROWS: grpcStatus.INVALID_ARGUMENT,
  QUEUE_FULL: grpcStatus.RESOURCE_EXHAUSTED,
  ENTRY_SCRIPT_FAILED: grpcStatus.UNKNOWN,
  ENTRY_SCRIPT_ENDED_THREAD: grpcStatus.UNKNOWN,
  ENTRY_SCRIPT_OUT_OF_MEMORY: grpcStatus.UNKNOWN,
  OUTPUT_NOT_SERIALISABLE: grpcStatus.UNKNOWN,
  MODEL_RUN_FAILED: grpcStatus.UNKNOWN,
  STAGE_MISMATCH: grpcStatus.UNKNOWN,
}

/** The status that a call ends with when it fails. */
export function findGrpcStatus(code: ErrorCode): GrpcStatus {
  return exceptions[code] ?? byHttpStatus[statusOf[code]]
}

export type Trailers = Readonly<Record<string, string>>

/** The trailers of a call that succeeds. */
export const okTrailers: Trailers = { 'grpc-status': '0' }

/** The trailers of a call that fails. */
export function encodeFailure({ code, message, status, retryAfterSeconds }: ScoringError): Trailers {
  const retryAfter = retryAfterSeconds ?? (status === 503 ? 1 : undefined)
  return {
    'grpc-status': String(findGrpcStatus(code)),
    'grpc-message': encodeMessage(message),
    'x-scoring-error-code': code,
    ...(retryAfter !== undefined && { 'grpc-retry-pushback-ms': String(Math.ceil(retryAfter * 1000)) }),
  }
}

/** Clients take 8 KiB of headers as a rule, of which a message leaves most to others. */
const maxMessageBytes = 2048

/** Bytes that stand for themselves: printable ones but the percent sign. */
const isPlain = (byte: number) => byte >= 0x20 && byte <= 0x7e && byte !== 0x25

/** UTF-8 with everything percent-encoded that is not printable ASCII ("gRPC over HTTP2", Status-Message). */
export function encodeMessage(message: string): string {
  let encoded = ''
  for (const character of message) {
    const bytes = Buffer.from(character)
    const next = bytes.every(isPlain) ? character : bytes.reduce((text, byte) => text + percentEncode(byte), '')
    if (encoded.length + next.length > maxMessageBytes) break
    encoded += next
  }
  return encoded
}

function percentEncode(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}
