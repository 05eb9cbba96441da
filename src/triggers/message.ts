import type { WireRequest } from '../protocols/http/wire.ts'
import type { TraceContext } from '../telemetry/trace-context.ts'

/** A message or blob, as a body to be scored. */
export interface Message {
  readonly body: Uint8Array
  readonly contentType: string
  /** e.g. `gzip`; undefined: none */
  readonly contentEncoding?: string | undefined
  /** The log names the request by it. */
  readonly id: string
  /** The queue, or the path of the blobs, that it comes from. */
  readonly source: string
  /** How often it was delivered, this time included; undefined: the host does not tell. */
  readonly deliveryCount?: number | undefined
  /** The span that it was sent in; undefined: its sender does not tell. */
  readonly sender?: TraceContext | undefined
}

/** The request that a caller would send over HTTP: what reads those reads messages, and scripts see no difference. */
export function asWireRequest(service: string, { body, contentType, contentEncoding, id }: Message): WireRequest {
  const headers = new Map([
    ['content-type', contentType],
    ['content-length', String(body.byteLength)],
    ['x-request-id', id],
    ...(contentEncoding === undefined ? [] : [['content-encoding', contentEncoding] as const]),
  ])
  return {
    method: 'POST',
    url: `http://localhost/api/v1/service/${service}/score`,
    headers: { get: name => headers.get(name.toLowerCase()) ?? null, entries: () => headers.entries() },
    query: { entries: () => [] },
    arrayBuffer: async () => new Uint8Array(body).buffer,
    pour: async onPiece => onPiece(body),
  }
}

/** The bytes of a trigger's input. The bindings ask for bytes; hosts before 4.0 of the extensions gave text for text. */
export function asBytes(input: unknown): Uint8Array {
  if (input instanceof Uint8Array) return input
  return Buffer.from(typeof input === 'string' ? input : (JSON.stringify(input) ?? ''))
}
