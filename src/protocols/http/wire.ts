import type { ErrorCode } from '../../errors.ts'

/** The part of an HTTP request that protocols read; `@azure/functions`' HttpRequest has it. */
export interface WireRequest {
  readonly method: string
  readonly url: string
  readonly headers: { get(name: string): string | null; entries(): Iterable<[string, string]> }
  readonly query: { entries(): Iterable<[string, string]> }
  arrayBuffer(): Promise<ArrayBuffer>
  readonly body?: ReadableStream<Uint8Array> | null
  /** Only the embedded host has it: the body as it comes, for less than a stream of the Web costs. */
  pieces?(): AsyncIterable<Uint8Array>
  /** Only the embedded host knows: the client closed the connection before it was answered. */
  readonly isAbandoned?: boolean
  /** Only the embedded host knows: calls back when the client has the answer, or has left. */
  whenAnswered?(then: () => void): void
  /** Only the embedded host knows: the address at the other end of the connection. */
  readonly clientAddress?: string
}

/** On every answer that the server makes itself: browsers take the content type at its word, whatever the body quotes. */
export const noSniff = { 'x-content-type-options': 'nosniff' } as const

/** An HTTP response; `@azure/functions` takes it as HttpResponseInit. */
export interface WireResponse {
  /** The error that it tells of, for the record; the host does not look at it. */
  errorCode?: ErrorCode
  status: number
  headers: Record<string, string> | [string, string][]
  body?: string | Uint8Array | ReadableStream<Uint8Array>
}
