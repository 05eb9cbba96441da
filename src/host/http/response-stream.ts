import type { ServerResponse } from 'node:http'
import { discardBody, isTooLongToDiscard } from './request-body.ts'
import type { Exchange } from './response.ts'

/**
 * Writes a body as it comes, no faster than the client takes it.
 *
 * @param length  what the function says of the body's length
 * @throws what the stream throws; TypeError before anything is written when it was read already
 */
export async function writeStream(
  exchange: Exchange,
  status: number,
  fields: string[],
  body: AsyncIterable<unknown>,
  length: string | undefined,
): Promise<void> {
  const { incoming, outgoing, closesConnection, isBodyRequested } = exchange
  if ((body as { locked?: boolean }).locked) throw new TypeError('the body of the response was read already')
  const isUnread = isTooLongToDiscard(incoming)
  if (closesConnection || isUnread || status === 408) fields.push('connection', 'close')
  if (length !== undefined) {
    outgoing.strictContentLength = true // a wrong one would garble the next answer
    fields.push('content-length', length)
  }
  outgoing.writeHead(status, fields)
  outgoing.flushHeaders()
  // The answer may be made of the request's body, so only one that nobody reads is dropped meanwhile.
  if (!incoming.complete && !isBodyRequested) discardBody(incoming)
  const source = openSource(body)
  if (outgoing.destroyed) source.stop()
  else outgoing.once('close', source.stop)
  try {
    for await (const chunk of source.chunks) {
      if (outgoing.destroyed) return // the client has left; ending the loop ends the stream
      if (!outgoing.write(encodeChunk(chunk))) await drained(outgoing)
    }
  } catch (failure) {
    if (outgoing.destroyed && (failure as { code?: string }).code === 'ERR_STREAM_PREMATURE_CLOSE') return // we ended it
    throw failure
  } finally {
    outgoing.off('close', source.stop)
  }
  if (outgoing.destroyed) return
  if (!incoming.complete && isUnread) await discardBody(incoming)
  outgoing.end()
}

/** A stream, and what ends it while it is waited for: the next chunk may never come. */
interface Source {
  readonly chunks: AsyncIterable<unknown>
  readonly stop: () => void
}

function openSource(body: AsyncIterable<unknown>): Source {
  if (!(body instanceof ReadableStream)) return { chunks: body, stop: () => cancel(body) }
  const reader: ReadableStreamDefaultReader<unknown> = body.getReader()
  const stop = () => void reader.cancel().catch(() => {})
  return { chunks: readChunks(reader, stop), stop }
}

async function* readChunks(reader: ReadableStreamDefaultReader<unknown>, stop: () => void): AsyncGenerator<unknown> {
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    stop()
  }
}

const pieceBytes = 65_536

export async function* splitBody(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

/** Resolves when the client has taken what was written, or has left. */
function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const finish = () => {
      outgoing.off('drain', finish).off('close', finish)
      resolve()
    }
    if (outgoing.destroyed) resolve()
    else outgoing.on('drain', finish).on('close', finish)
  })
}

function encodeChunk(chunk: unknown): string | Uint8Array {
  if (typeof chunk === 'string') return chunk
  const bytes = asBytes(chunk)
  if (!bytes) throw new TypeError('a stream of a response may hold bytes and strings only')
  return bytes
}

/** The bytes of whatever holds bytes. */
export function asBytes(body: unknown): Uint8Array | undefined {
  if (body instanceof Uint8Array) return body
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength)
  return body instanceof ArrayBuffer || body instanceof SharedArrayBuffer ? new Uint8Array(body) : undefined
}

/** Lets go of a body that nobody gets. */
export function cancel(body: unknown): void {
  if (body instanceof ReadableStream && !body.locked) body.cancel().catch(() => {})
  else if (typeof (body as { destroy?: unknown } | undefined)?.destroy === 'function') {
    ;(body as { destroy(): void }).destroy()
  }
}
