import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { OutgoingResponse } from '../http/exchange.ts'
import { discardBody } from '../http/request-body.ts'
import { errorCodes } from './error-codes.ts'
import type { StreamRequest } from './stream-request.ts'

/** Fields that concern one connection of HTTP/1.1, and make a response of HTTP/2 malformed (RFC 9113, section 8.2.2). */
const connectionFields = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])

/**
 * A response of HTTP/2 as the host writes one of HTTP/1.1. What is written for a client that has left is dropped. A client
 * that still sends its request when the response is complete may go on for a while, and then its stream ends.
 */
export class StreamResponse implements OutgoingResponse {
  strictContentLength = false
  closed = false
  readonly #stream: ServerHttp2Stream
  readonly #request: StreamRequest
  #head: OutgoingHttpHeaders | undefined
  /** Bytes of the body so far. */
  #size = 0
  #isEnded = false

  constructor(stream: ServerHttp2Stream, request: StreamRequest) {
    this.#stream = stream
    this.#request = request
    stream.once('close', () => {
      this.closed = true
    })
  }

  get headersSent(): boolean {
    return this.#head !== undefined
  }

  get destroyed(): boolean {
    return this.#stream.destroyed
  }

  /** The stream of a HEAD request is finished before there is a response. */
  get writableFinished(): boolean {
    return this.#isEnded && this.#stream.writableFinished
  }

  writeContinue(): void {
    if (!this.#isOver) this.#stream.additionalHeaders({ ':status': 100 })
  }

  /** @throws TypeError when a field is not valid, before anything is sent */
  writeHead(status: number, fields: readonly string[]): void {
    const head: OutgoingHttpHeaders = { ':status': status }
    for (let index = 0; index < fields.length; index += 2) {
      const [name = '', value = ''] = fields.slice(index, index + 2)
      validateHeaderName(name)
      validateHeaderValue(name, value)
      addField(head, name.toLowerCase(), value)
    }
    this.#head = head
  }

  flushHeaders(): void {
    this.#begin()
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.#isOver) return false
    this.#begin()
    this.#count(chunk)
    return this.#stream.write(chunk)
  }

  end(body?: string | Uint8Array, encoding?: 'latin1'): void {
    if (this.#isOver) return
    const hasBody = body !== undefined && body.length > 0 && this.#request.method !== 'HEAD'
    if (hasBody) this.#count(body, encoding)
    if (this.strictContentLength && this.#size !== this.#declaredLength) throw this.#wrongLength()
    this.#isEnded = true
    if (!this.#stream.headersSent) this.#stream.respond(this.#head, { endStream: !hasBody })
    if (hasBody) this.#stream.end(body, encoding ?? 'utf8')
    else this.#stream.end()
    // A stream that is closed earlier makes some clients lose the response.
    if (!this.#request.complete) discardBody(this.#request).then(() => this.#stream.close(errorCodes.none))
  }

  destroy(): void {
    this.#stream.close(errorCodes.internal)
  }

  on(event: 'close' | 'drain', listener: () => void): this {
    this.#stream.on(event, listener)
    return this
  }

  once(event: 'close' | 'drain', listener: () => void): this {
    this.#stream.once(event, listener)
    return this
  }

  off(event: 'close' | 'drain', listener: () => void): this {
    this.#stream.off(event, listener)
    return this
  }

  /** The client has left, or has reset the stream. */
  get #isOver(): boolean {
    return this.#stream.closed || this.#stream.destroyed
  }

  get #declaredLength(): number {
    return Number(this.#head?.['content-length'])
  }

  /** Begins a response that may break off. */
  #begin(): void {
    if (this.#isOver || this.#stream.headersSent) return
    // Node.js ends a stream before it resets it, so that a part would look complete; with trailers, these are its end.
    this.#stream.respond(this.#head, { waitForTrailers: true })
    this.#stream.once('wantTrailers', () => this.#stream.sendTrailers({}))
  }

  #count(chunk: string | Uint8Array, encoding?: 'latin1'): void {
    this.#size += Buffer.byteLength(chunk, encoding)
    if (this.strictContentLength && this.#size > this.#declaredLength) throw this.#wrongLength()
  }

  #wrongLength(): Error {
    return new RangeError(`the body has ${this.#size} bytes, and its content-length says ${this.#declaredLength}`)
  }
}

function addField(head: OutgoingHttpHeaders, name: string, value: string): void {
  if (connectionFields.has(name)) return
  const before = head[name]
  if (name === 'set-cookie') head[name] = [...((before as string[] | undefined) ?? []), value]
  else head[name] = before === undefined ? value : `${before}, ${value}`
}
