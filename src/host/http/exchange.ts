/**
 * What the host needs of a request and of its response. Node's own objects of HTTP/1.1 have all of it; a stream of HTTP/2
 * gets two objects that have it as well (`http2/`).
 */
import type { IncomingHttpHeaders } from 'node:http'

/** A request, whose body is read as a stream. */
export interface IncomingRequest {
  readonly method?: string | undefined
  /** The request target: a path with its query, or a whole URL as proxies send it. */
  readonly url?: string | undefined
  readonly httpVersionMajor: number
  readonly headers: IncomingHttpHeaders
  /** Name, value, name, value …, as received. */
  readonly rawHeaders: readonly string[]
  /** HTTP/2 only: whether the request has no body. */
  readonly endAfterHeaders?: boolean
  /** The whole request has come. */
  readonly complete: boolean
  /** `end` was emitted, and comes no more. */
  readonly readableEnded: boolean
  readonly destroyed: boolean
  /** `destroyed`: the client has left. */
  readonly socket: {
    readonly destroyed: boolean
    readonly remoteAddress?: string | undefined
    /** The connection is TLS. */
    readonly encrypted?: boolean
  }
  on(event: 'data' | 'end' | 'error' | 'close', listener: (chunk: Buffer) => void): IncomingRequest
  off(event: 'data' | 'end' | 'error' | 'close', listener: (chunk: Buffer) => void): IncomingRequest
  pause(): unknown
  resume(): unknown
  iterator(options: { readonly destroyOnReturn: boolean }): AsyncIterable<Buffer>
}

/** The response to it, written piece by piece. */
export interface OutgoingResponse {
  /** Whether a body of another length than its `content-length` is an error. */
  strictContentLength: boolean
  readonly headersSent: boolean
  readonly destroyed: boolean
  /** `close` was emitted: the client has the response, or has left. */
  readonly closed: boolean
  /** The whole response was handed to the system. */
  readonly writableFinished: boolean
  writeContinue(): void
  /** @param fields  name, value, name, value … */
  writeHead(status: number, fields: string[]): unknown
  flushHeaders(): void
  /** @returns whether more may be written before `drain` */
  write(chunk: string | Uint8Array): boolean
  end(): unknown
  end(body: string | Uint8Array | undefined): unknown
  end(body: string, encoding: 'latin1'): unknown
  /** Breaks the response off. */
  destroy(): unknown
  on(event: 'close' | 'drain', listener: () => void): OutgoingResponse
  once(event: 'close' | 'drain', listener: () => void): OutgoingResponse
  off(event: 'close' | 'drain', listener: () => void): OutgoingResponse
}
