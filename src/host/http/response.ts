import type { HttpResponseInit } from '@azure/functions'
import type { IncomingRequest, OutgoingResponse } from './exchange.ts'
import { discardBody, isTooLongToDiscard } from './request-body.ts'
import { asBytes, cancel, splitBody, writeStream } from './response-stream.ts'
import { encodeSetCookie } from './set-cookie.ts'
import { addTransportSecurity } from './transport-security.ts'

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

/** A body up to this size leaves in one write with the head, as latin1 text, byte for byte; bytes would take a vectored write. */
const singleWriteBytes = 4096
/** A larger body is written in segments, which shows whether the client reads it. */
const maxWholeBytes = 262_144

/** The result of a function as far as it is known: HttpResponseInit, HttpResponse, or something else. */
type Result = Omit<HttpResponseInit, 'headers' | 'body'> & { headers?: unknown; body?: unknown }

/** One request and its response to be. */
export interface Exchange {
  readonly incoming: IncomingRequest
  readonly outgoing: OutgoingResponse
  /** The function reads the request's body, or has begun to. */
  readonly isBodyRequested: boolean
  readonly closesConnection: boolean
}

/** The head of a response, and what its function says of the body. */
export interface Head {
  readonly status: number
  /** Name, value, name, value …; the host adds its own. */
  readonly fields: string[]
  readonly contentType?: string | undefined
  readonly contentLength?: string | undefined
}

/**
 * Writes the result of a function.
 *
 * @returns a promise when writing takes longer than this call; it rejects when the stream of the body fails
 * @throws TypeError or RangeError, before anything is written, when the result is no response
 */
export function writeResult(exchange: Exchange, result: unknown): Promise<void> | undefined {
  if (result === undefined || result === null) {
    writeEmpty(exchange, 204)
    return undefined
  }
  if (typeof result !== 'object') {
    throw new TypeError(
      'The HTTP response must be an object with optional properties "body", "status", "headers", and "cookies".',
    )
  }
  const { body, jsonBody } = result as Result
  const head = readHead(result as Result)
  const { status, fields, contentType, contentLength } = head
  addTransportSecurity(exchange.incoming, fields)
  if (status === 204 || status === 205 || status === 304) {
    cancel(body)
    return writeWhole(exchange, head, undefined)
  }
  if (jsonBody !== undefined && jsonBody !== null) {
    if (contentType === undefined) fields.push('content-type', 'application/json')
    return writeWhole(exchange, head, JSON.stringify(jsonBody))
  }
  if (typeof body === 'string') {
    if (contentType === undefined) fields.push('content-type', 'text/plain;charset=UTF-8')
    return writeWhole(exchange, head, body)
  }
  const isHead = exchange.incoming.method === 'HEAD'
  if (body === undefined || body === null) {
    if (isHead && contentLength !== undefined) return writeHead(exchange, head)
    return writeWhole(exchange, head, undefined)
  }
  const bytes = asBytes(body)
  if (bytes) return writeWhole(exchange, head, bytes)
  if (typeof body !== 'object' || !(Symbol.asyncIterator in body)) return writeNative(exchange, head, body)
  if (isHead) {
    cancel(body)
    return writeHead(exchange, head)
  }
  return writeStream(exchange, head, body as AsyncIterable<unknown>)
}

/** Writes a response without a body. */
export function writeEmpty(exchange: Exchange, status: number): void {
  const fields: string[] = []
  addTransportSecurity(exchange.incoming, fields)
  writeWhole(exchange, { status, fields }, undefined)
}

function readHead({ status = 200, headers, cookies }: Result): Head {
  const code = Number(status)
  if (!Number.isInteger(code) || code < 200 || code > 599) {
    throw new RangeError(`the status of a response must be from 200 to 599, not ${String(status)}`)
  }
  const fields: string[] = []
  let contentType: string | undefined
  let contentLength: string | undefined
  for (const [name, value] of headerPairs(headers)) {
    const key = name.toLowerCase()
    if (key === 'content-length') contentLength = value
    if (key === 'content-type') contentType = value
    if (!hostHeaders.has(key)) fields.push(name, value)
  }
  if (cookies) for (const cookie of cookies) fields.push('Set-Cookie', encodeSetCookie(cookie))
  return { status: code, fields, contentType, contentLength }
}

function headerPairs(headers: unknown): Iterable<[string, string]> {
  if (headers === undefined || headers === null) return []
  return Symbol.iterator in (headers as object)
    ? (headers as Iterable<[string, string]>)
    : Object.entries(headers as Record<string, string>)
}

/**
 * Answers HEAD with the length that the function gives. Without one there is none: only its end tells the length of a
 * stream (RFC 9110, section 8.6).
 */
function writeHead(exchange: Exchange, { status, fields, contentLength }: Head): undefined {
  if (contentLength !== undefined) fields.push('content-length', contentLength)
  send(exchange, { status, fields }, undefined)
}

function writeWhole(exchange: Exchange, head: Head, body: string | Uint8Array | undefined): Promise<void> | undefined {
  const { status, fields } = head
  if (body !== undefined && body.length > maxWholeBytes && exchange.incoming.method !== 'HEAD') {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    return writeStream(exchange, { status, fields, contentLength: String(bytes.byteLength) }, splitBody(bytes))
  }
  // Node would write the head in the encoding of a text that goes with it, and header values are latin1.
  const bytes = typeof body === 'string' && !isAscii(body) ? Buffer.from(body) : body
  if (status !== 204 && status !== 304) fields.push('content-length', String(bytes?.length ?? 0))
  send(exchange, head, bytes)
  return undefined
}

/** @param body  a text is ASCII */
function send(exchange: Exchange, { status, fields }: Head, body: string | Uint8Array | undefined): void {
  const { incoming, outgoing, closesConnection } = exchange
  const isTooLong = isTooLongToDiscard(incoming)
  if (closesConnection || isTooLong || status === 408) fields.push('connection', 'close')
  outgoing.writeHead(status, fields)
  if (!isTooLong) {
    if (typeof body === 'string') outgoing.end(body, 'latin1')
    else if (body && body.length <= singleWriteBytes) outgoing.end(toLatin1(body), 'latin1')
    else outgoing.end(body)
    if (!incoming.complete) incoming.resume()
    return
  }
  // The client gets the whole response now; the connection closes when the client has sent the rest, or too much of it.
  if (body === undefined || body.length === 0 || incoming.method === 'HEAD') outgoing.flushHeaders()
  else outgoing.write(body)
  discardBody(incoming).then(() => outgoing.end())
}

/** Writes blobs, forms and whatever else the fetch API makes a body of. */
async function writeNative(exchange: Exchange, head: Head, body: unknown): Promise<void> {
  const native = new Response(body as ConstructorParameters<typeof Response>[0])
  const nativeType = native.headers.get('content-type')
  if (nativeType && head.contentType === undefined) head.fields.push('content-type', nativeType)
  await writeWhole(exchange, head, new Uint8Array(await native.arrayBuffer()))
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

function toLatin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('latin1')
}
