import type { ErrorCode } from '../../errors.ts'

/** The part of an HTTP request that protocols use; `@azure/functions`' HttpRequest implements it. */
export interface WireRequest {
  readonly method: string
  readonly url: string
  readonly headers: { get(name: string): string | null; entries(): Iterable<[string, string]> }
  readonly query: { entries(): Iterable<[string, string]> }
  arrayBuffer(): Promise<ArrayBuffer>
  readonly body?: ReadableStream<Uint8Array> | null
  /** Hands over the body in buffers as they arrive, which costs less than a web stream; only set by the embedded host. */
  pour?(onPiece: (piece: Uint8Array) => void): Promise<void>
  /** Whether the client closed the connection before it was answered; absent where the host does not tell. */
  readonly isAbandoned?: boolean
  /** Calls back when the client has the answer or has left; absent where the host does not tell. */
  whenAnswered?(then: () => void): void
  /** The trace of the invocation, which the host continues from the caller's; absent where the host has none. */
  readonly hostTrace?:
    | { readonly traceParent?: string | undefined; readonly traceState?: string | undefined }
    | undefined
  /** Address at the other end of the connection, a client's or a proxy's; only set by the embedded host. */
  readonly clientAddress?: string
}

/** Where a request comes from, and what it shows of itself. */
export type RequestOrigin = Pick<WireRequest, 'headers' | 'clientAddress'>

/** The version of the model that answers. */
export const modelVersionHeader = 'x-scoring-model-version'

/** Keeps browsers from guessing the content type of the server's own answers, which may quote a request. */
export const noSniff = { 'x-content-type-options': 'nosniff' } as const

/** On answers that hold what a caller sent, or what came of it: browsers and proxies keep no copy either. */
export const unstored = { ...noSniff, 'cache-control': 'no-store' } as const

/** An HTTP response; `@azure/functions` takes it as HttpResponseInit. */
export interface WireResponse {
  /** Code of the error, for metrics; ignored by the host. */
  errorCode?: ErrorCode
  /** The service that was found and the rows that were scored, for the log; ignored by the host. */
  scored?: { readonly service: string; readonly rows: number | undefined }
  status: number
  headers: Record<string, string> | [string, string][]
  body?: string | Uint8Array | ReadableStream<Uint8Array>
}
