import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientSessionOptions,
  connect,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2'
import type { Cleaner } from '../../support/cleaner.ts'

export interface Http2Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Trailers; undefined: there were none. */
  readonly trailers: IncomingHttpHeaders | undefined
}

export interface Http2Send {
  readonly method?: string
  readonly headers?: Record<string, string | string[]>
  readonly body?: string | Uint8Array
}

/** A connection of Node's own client. */
export async function openSession(
  test: Cleaner,
  url: string,
  options?: ClientSessionOptions | SecureClientSessionOptions,
): Promise<ClientHttp2Session> {
  const session = connect(url, { maxSessionMemory: 100, ...options }) // by default it gives up with 10 MB to send
  test.onTestFinished(() => session.destroy())
  session.on('error', () => {})
  await once(session, 'connect')
  return session
}

/** One request; fails when its stream is reset. */
export async function sendHttp2(
  session: ClientHttp2Session,
  path: string,
  { method, headers, body }: Http2Send = {},
): Promise<Http2Answer> {
  const stream = session.request({
    ':path': path,
    ':method': method ?? (body === undefined ? 'GET' : 'POST'),
    ...headers,
  })
  let trailers: IncomingHttpHeaders | undefined
  stream.on('trailers', given => {
    trailers = given
  })
  stream.end(body)
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  if (stream.rstCode !== 0) throw new Error(`the stream was reset with ${stream.rstCode}`)
  return { status: Number(head[':status']), headers: head, body: Buffer.concat(chunks).toString(), trailers }
}

/** A message of gRPC: whether it is compressed, its length, and its bytes. */
export function encodeMessage(text: string): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(Buffer.byteLength(text), 1)
  return Buffer.concat([head, Buffer.from(text)])
}

export const grpcHeaders = { 'content-type': 'application/grpc', te: 'trailers' }
