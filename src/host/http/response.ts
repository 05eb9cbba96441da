import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpResponseInit } from '@azure/functions'
import { discardBody, isTooLongToDiscard } from './request-body.ts'
import { asBytes, cancel, splitBody, writeStream } from './response-stream.ts'
import { encodeSetCookie } from './set-cookie.ts'

/** Headers that the host sets itself, or that concern one connection only (RFC 9110, section 7.6.1). */
const hostHeaders = new Set([
  'content-length',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
])

/** A small body leaves in one write with the head, as latin1 text, byte for byte; bytes would take a vectored write. */
const singleWriteBytes = 4096
/** A large one leaves piece by piece, which shows whether the client takes it. */
const maxWholeBytes = 262_144

/** What a function may answer: HttpResponseInit, HttpResponse, or what neither is. */
type Result = Omit<HttpResponseInit, 'headers' | 'body'> & { headers?: unknown; body?: unknown }

/** One request and its answer to be. */
export interface Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  /** The function reads the request's body, or has begun to. */
  readonly isBodyRequested: boolean
  /** Close the connection after this answer. */
  readonly closesConnection: boolean
}

/**
 * Writes what a function returned.
 *
 * @returns a promise when the answer takes longer than this call: it fails when the stream of the body does
 * @throws TypeError or RangeError before anything is written when the result is no response
 */
export function writeResult(exchange: Exchange, result: unknown): Promise<void> | undefined {
  if (result === undefined || result === null) return writeWhole(exchange, 204, [], undefined)
  if (typeof result !== 'object') {
    throw new TypeError(
      'The HTTP response must be an object with optional properties "body", "status", "headers", and "cookies".',
    )
  }
  const { status = 200, headers, body, jsonBody, cookies } = result as Result
  const code = Number(status)
  if (!Number.isInteger(code) || code < 200 || code > 599) {
    throw new RangeError(`the status of a response must be from 200 to 599, not ${String(status)}`)
  }
  const fields: string[] = []
  const { type, length } = headers === undefined || headers === null ? unset : addHeaders(fields, headers)
  if (cookies) for (const cookie of cookies) fields.push('Set-Cookie', encodeSetCookie(cookie))

  if (code === 204 || code === 205 || code === 304) {
    cancel(body)
    return writeWhole(exchange, code, fields, undefined)
  }
  if (jsonBody !== undefined && jsonBody !== null) {
    if (type === undefined) fields.push('content-type', 'application/json')
    return writeWhole(exchange, code, fields, JSON.stringify(jsonBody))
  }
  if (typeof body === 'string') {
    if (type === undefined) fields.push('content-type', 'text/plain;charset=UTF-8')
    return writeWhole(exchange, code, fields, body)
  }
  if (body === undefined || body === null) return writeWhole(exchange, code, fields, undefined, length)
  const bytes = asBytes(body)
  if (bytes) return writeWhole(exchange, code, fields, bytes)
  if (typeof body !== 'object' || !(Symbol.asyncIterator in body))
    return writeNative(exchange, code, fields, body, type)
  if (exchange.incoming.method === 'HEAD') {
    cancel(body)
    return writeWhole(exchange, code, fields, undefined, length ?? null)
  }
  return writeStream(exchange, code, fields, body as AsyncIterable<unknown>, length)
}

/** An answer without a body. */
export function writeEmpty(exchange: Exchange, status: number): void {
  writeWhole(exchange, status, [], undefined)
}

const unset: { type?: string; length?: string } = {}

/** @returns what the function says of its body, which the host may have to complete */
function addHeaders(fields: string[], headers: object): typeof unset {
  let type: string | undefined
  let length: string | undefined
  const pairs = Symbol.iterator in headers ? (headers as Iterable<[string, string]>) : Object.entries(headers)
  for (const [name, value] of pairs) {
    const key = name.toLowerCase()
    if (key === 'content-length') length = value
    if (key === 'content-type') type = value
    if (!hostHeaders.has(key)) fields.push(name, value)
  }
  return { type, length }
}

/**
 * @param headLength  what HEAD says in place of the length of `body`; null: nothing, as only the end of a stream tells its
 *                    length (RFC 9110, section 8.6)
 */
function writeWhole(
  exchange: Exchange,
  status: number,
  fields: string[],
  body: string | Uint8Array | undefined,
  headLength?: string | null,
): Promise<void> | undefined {
  const { incoming, outgoing, closesConnection } = exchange
  const isHead = incoming.method === 'HEAD'
  if (body !== undefined && body.length > maxWholeBytes && !isHead) {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    return writeStream(exchange, status, fields, splitBody(bytes), String(bytes.byteLength))
  }
  // Node would write the head in the encoding of a text that goes with it, and header values are latin1.
  const bytes = typeof body === 'string' && !isAscii(body) ? Buffer.from(body) : body
  if (status !== 204 && status !== 304) {
    const said = isHead ? headLength : undefined
    if (said !== null) fields.push('content-length', said ?? String(bytes?.length ?? 0))
  }
  const isUnread = isTooLongToDiscard(incoming)
  if (closesConnection || isUnread || status === 408) fields.push('connection', 'close')
  outgoing.writeHead(status, fields)
  if (!isUnread) {
    if (typeof bytes === 'string') outgoing.end(bytes, 'latin1')
    else if (bytes && bytes.length <= singleWriteBytes) outgoing.end(toLatin1(bytes), 'latin1')
    else outgoing.end(bytes)
    if (!incoming.complete) incoming.resume()
    return undefined
  }
  // The client has the whole answer now; the connection closes when it has sent the rest, or too much of it.
  if (bytes === undefined || bytes.length === 0 || isHead) outgoing.flushHeaders()
  else outgoing.write(bytes)
  discardBody(incoming).then(() => outgoing.end())
  return undefined
}

/** Blobs, forms and whatever else the fetch API makes a body of. */
async function writeNative(
  exchange: Exchange,
  status: number,
  fields: string[],
  body: unknown,
  type: string | undefined,
): Promise<void> {
  const native = new Response(body as ConstructorParameters<typeof Response>[0])
  const nativeType = native.headers.get('content-type')
  if (nativeType && type === undefined) fields.push('content-type', nativeType)
  await writeWhole(exchange, status, fields, new Uint8Array(await native.arrayBuffer()))
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

function toLatin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('latin1')
}
