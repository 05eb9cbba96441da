import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { ScoringError } from '../../errors.ts'
import type { Receiver } from '../http/receiver.ts'
import { refuse } from '../http/refusal.ts'
import { checkStream } from './check-stream.ts'
import { StreamRequest } from './stream-request.ts'
import { StreamResponse } from './stream-response.ts'

/** A request that is not a call of gRPC, and its response to be. */
export interface StreamExchange {
  readonly request: StreamRequest
  readonly response: StreamResponse
}

/**
 * Gives a new stream to the app: a call of gRPC as it is, anything else as a request.
 *
 * @returns undefined for a call of gRPC
 */
export function receiveStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  { receiver, remoteAddress }: { readonly receiver: Receiver; readonly remoteAddress: string | undefined },
): StreamExchange | undefined {
  const fields = rawHeaders.slice(countPseudoFields(rawHeaders) * 2)
  const refusal = checkStream(headers, rawHeaders, fields)
  if (!refusal && isGrpc(headers)) {
    receiver.grpc(stream, headers)
    return undefined
  }
  const request = new StreamRequest(stream, headers, fields, remoteAddress)
  const response = new StreamResponse(stream, request)
  const { expect } = request.headers
  if (refusal) refuse(response, refusal)
  else if (expect === undefined || expect.toLowerCase() === '100-continue')
    receiver.request(request, response, expect !== undefined)
  else {
    response.writeHead(417, ['content-length', '0'])
    response.end()
  }
  return { request, response }
}

/** Refuses a call of gRPC in an app without gRPC; its client reads the status alone (gRPC over HTTP/2, "Responses"). */
export function refuseGrpc(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const request = new StreamRequest(stream, headers, [], undefined)
  const type = headers['content-type']
  refuse(
    new StreamResponse(stream, request),
    new ScoringError('CONTENT_TYPE_UNSUPPORTED', `This app has no gRPC services, and the content type is ${type}.`),
  )
}

/** All media types of gRPC are `application/grpc` or begin so (gRPC over HTTP/2, "Requests"). */
function isGrpc({ ':method': method, 'content-type': type }: IncomingHttpHeaders): boolean {
  return method === 'POST' && type !== undefined && /^application\/grpc/i.test(type)
}

/** Pseudo-header fields come before all others (RFC 9113, section 8.3). */
function countPseudoFields(rawHeaders: readonly string[]): number {
  const index = rawHeaders.findIndex((name, at) => at % 2 === 0 && !name.startsWith(':'))
  return index < 0 ? rawHeaders.length / 2 : index / 2
}
