import { ReadableStream } from 'node:stream/web'
import type { HttpRequest, HttpRequestParams, HttpRequestUser } from '@azure/functions'
import { readClientPrincipal } from './client-principal.ts'
import type { IncomingRequest, OutgoingResponse } from './exchange.ts'
import { hasBody, pourBody, readBody, streamBody } from './request-body.ts'
import { RequestHeaders } from './request-headers.ts'

/** Shared by all requests of a host. */
export interface RequestSettings {
  readonly scheme: 'http' | 'https'
  /** Host and port for requests that have no Host header. */
  readonly defaultHost: string
  readonly maxBodyBytes: number
}

export interface ReceivedRequest {
  readonly incoming: IncomingRequest
  readonly outgoing: OutgoingResponse
  /** From the route, decoded. */
  readonly params: HttpRequestParams
  readonly settings: RequestSettings
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean
}

const utf8 = new TextDecoder()

/**
 * A `HttpRequest` of `@azure/functions` that builds its parts when they are first read: a request costs what its function
 * uses. Bodies go through a fetch `Request` only for streams, forms, blobs and copies.
 */
export class EmbeddedHttpRequest implements HttpRequest {
  readonly params: HttpRequestParams
  readonly #received: ReceivedRequest
  readonly #incoming: IncomingRequest
  readonly #outgoing: OutgoingResponse
  #headers: RequestHeaders | undefined
  #query: URLSearchParams | undefined
  #user: HttpRequestUser | null | undefined
  #native: Request | undefined
  #isRead = false

  constructor(received: ReceivedRequest) {
    this.#received = received
    this.#incoming = received.incoming
    this.#outgoing = received.outgoing
    this.params = received.params
  }

  get method(): string {
    return this.#incoming.method as string
  }

  get url(): string {
    const target = this.#incoming.url as string
    if (!target.startsWith('/')) return target
    return `${this.#received.settings.scheme}://${this.#incoming.headers.host || this.#received.settings.defaultHost}${target}`
  }

  get headers(): Headers {
    this.#headers ??= new RequestHeaders(this.#incoming.headers, this.#incoming.rawHeaders)
    return this.#headers as Headers
  }

  get query(): URLSearchParams {
    const target = this.#incoming.url as string
    const start = target.indexOf('?')
    this.#query ??= new URLSearchParams(start < 0 ? '' : target.slice(start + 1))
    return this.#query
  }

  get user(): HttpRequestUser | null {
    if (this.#user === undefined) this.#user = readClientPrincipal(this.headers)
    return this.#user
  }

  /** Whether the client closed the connection before it had the response. */
  get isAbandoned(): boolean {
    return this.#incoming.socket.destroyed && !this.#outgoing.writableFinished
  }

  /** The address at the other end of the connection, which cannot be forged as a header can. */
  get clientAddress(): string {
    return this.#incoming.socket.remoteAddress ?? ''
  }

  /** Whether the function reads the body, or has begun to. */
  get isBodyRequested(): boolean {
    return this.#isRead || this.#native !== undefined
  }

  /** Whether the client still waits for `100 Continue`: it may or may not send the body now. */
  get isContinueOwed(): boolean {
    return this.#received.expectsContinue && !this.isBodyRequested
  }

  /**
   * Hands over the body as it arrives; to be read once.
   *
   * @throws BodyTooLarge, BodyAborted, what `onPiece` throws, which ends the reading
   */
  async pour(onPiece: (piece: Uint8Array) => void): Promise<void> {
    this.#refuseSecondRead()
    this.#isRead = true
    if (!hasBody(this.#incoming)) return
    this.#continue()
    await pourBody(this.#incoming, this.#received.settings.maxBodyBytes, onPiece)
  }

  /** Calls back when the client has the response, as far as this machine can tell, or has left. */
  whenAnswered(then: () => void): void {
    if (this.#outgoing.closed) then()
    else this.#outgoing.once('close', then)
  }

  get bodyUsed(): boolean {
    return this.#native?.bodyUsed ?? this.#isRead
  }

  get body(): ReadableStream | null {
    if (this.#isRead || !hasBody(this.#incoming)) return null
    return this.#asNative().body as ReadableStream | null
  }

  /** @throws BodyTooLarge, BodyAborted */
  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.#native) return this.#native.arrayBuffer()
    this.#refuseSecondRead()
    this.#isRead = true
    if (!hasBody(this.#incoming)) return new ArrayBuffer(0)
    this.#continue()
    return readBody(this.#incoming, this.#received.settings.maxBodyBytes)
  }

  async text(): Promise<string> {
    return this.#native ? this.#native.text() : utf8.decode(await this.arrayBuffer())
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  async blob(): Promise<Blob> {
    return this.#asNative().blob()
  }

  async formData(): Promise<FormData> {
    return this.#asNative().formData()
  }

  clone(): EmbeddedHttpRequest {
    const params = { ...this.params }
    const copy = new EmbeddedHttpRequest({ ...this.#received, params, expectsContinue: false })
    copy.#native = this.#asNative().clone()
    return copy
  }

  #asNative(): Request {
    if (this.#native) return this.#native
    this.#refuseSecondRead()
    const headers = [...this.headers.entries()] as [string, string][]
    // A fetch Request refuses some methods (TRACE, CONNECT); its body is the same with another one.
    const method = /^(TRACE|TRACK|CONNECT)$/i.test(this.method) ? 'POST' : this.method
    const body = hasBody(this.#incoming) ? ReadableStream.from(this.#pieces()) : undefined
    this.#native = new Request(this.url, { method, headers, body, duplex: 'half' } as RequestInit)
    return this.#native
  }

  async *#pieces(): AsyncGenerator<Uint8Array> {
    if (!hasBody(this.#incoming)) return
    this.#continue()
    yield* streamBody(this.#incoming, this.#received.settings.maxBodyBytes)
  }

  #refuseSecondRead(): void {
    if (this.#isRead || this.#native) throw new TypeError('Body is unusable: Body has already been read')
  }

  /** Asks a client that sent `Expect: 100-continue` for the body. */
  #continue(): void {
    if (this.#received.expectsContinue && !this.#outgoing.headersSent) this.#outgoing.writeContinue()
  }
}
