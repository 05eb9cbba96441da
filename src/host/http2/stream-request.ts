import type { IncomingHttpHeaders as Fields } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { IncomingRequest } from '../http/exchange.ts'

/** A request of HTTP/2 in the form of HTTP/1.1: with `host`, and without pseudo-header fields. */
export class StreamRequest implements IncomingRequest {
  readonly httpVersionMajor = 2
  readonly method: string
  readonly url: string
  readonly headers: Fields
  readonly rawHeaders: readonly string[]
  readonly #stream: ServerHttp2Stream
  readonly #remoteAddress: string | undefined

  /**
   * @param fields  name, value, name, value …, without pseudo-header fields
   * @param remoteAddress  of the connection
   */
  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    fields: readonly string[],
    remoteAddress: string | undefined,
  ) {
    const { ':method': method = '', ':path': path = '', ':authority': authority, ':scheme': _, ...rest } = headers
    this.method = method
    this.url = path
    this.headers = authority === undefined ? rest : { ...rest, host: authority } // RFC 9113, section 8.3.1
    this.rawHeaders = fields
    this.#stream = stream
    this.#remoteAddress = remoteAddress
  }

  get endAfterHeaders(): boolean {
    return this.#stream.endAfterHeaders
  }

  /** A stream that its client resets ends as if it were complete, but is aborted. */
  get complete(): boolean {
    const { endAfterHeaders, readableEnded, aborted } = this.#stream
    return endAfterHeaders || (readableEnded && !aborted)
  }

  /** Without a byte, a stream ends before anybody listens to it. */
  get readableEnded(): boolean {
    return this.#stream.readableEnded
  }

  get destroyed(): boolean {
    return this.#stream.destroyed
  }

  get socket() {
    const { closed, destroyed, session } = this.#stream
    return {
      destroyed: closed || destroyed,
      remoteAddress: this.#remoteAddress,
      encrypted: session?.encrypted === true,
    }
  }

  on(event: string, listener: (chunk: Buffer) => void): this {
    this.#stream.on(event, listener)
    return this
  }

  off(event: string, listener: (chunk: Buffer) => void): this {
    this.#stream.off(event, listener)
    return this
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  iterator(options: { readonly destroyOnReturn: boolean }): AsyncIterable<Buffer> {
    return this.#stream.iterator(options)
  }
}
