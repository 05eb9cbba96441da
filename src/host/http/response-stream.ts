import type { OutgoingResponse } from './exchange.ts'
import { discardBody, isTooLongToDiscard } from './request-body.ts'
import type { Exchange, Head } from './response.ts'

/**
 * Writes a body as it comes, no faster than the client reads it.
 *
 * @throws what the stream throws; TypeError, before anything is written, when the stream has been read already
 */
export async function writeStream(exchange: Exchange, head: Head, body: AsyncIterable<unknown>): Promise<void> {
  const { incoming, outgoing, closesConnection, isBodyRequested } = exchange
  const { status, fields, contentLength } = head
  if ((body as { locked?: boolean }).locked) throw new TypeError('the body of the response was read already')
  const isTooLong = isTooLongToDiscard(incoming)
  if (closesConnection || isTooLong || status === 408) fields.push('connection', 'close')
  if (contentLength !== undefined) {
    outgoing.strictContentLength = true // a wrong length would garble the next response
    fields.push('content-length', contentLength)
  }
  outgoing.writeHead(status, fields)
  outgoing.flushHeaders()
  // A function may make the response from the request's body, so only a body that it does not read is discarded here.
  if (!incoming.complete && !isBodyRequested) discardBody(incoming)
  const source = openSource(body)
  if (outgoing.destroyed) source.stop()
  else outgoing.once('close', source.stop)
  try {
    for await (const chunk of source.chunks) {
      if (outgoing.destroyed) return // the client has left; leaving the loop ends the stream
      if (!outgoing.write(encodeChunk(chunk))) await drained(outgoing)
    }
  } catch (failure) {
    const isStopped = outgoing.destroyed && (failure as { code?: string }).code === 'ERR_STREAM_PREMATURE_CLOSE'
    if (isStopped) return
    throw failure
  } finally {
    outgoing.off('close', source.stop)
  }
  if (outgoing.destroyed) return
  if (!incoming.complete && isTooLong) await discardBody(incoming)
  outgoing.end()
}

interface Source {
  readonly chunks: AsyncIterable<unknown>
  /** Ends the stream, also while its next chunk is awaited, which may never come. */
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

const segmentBytes = 65_536

/** Yields views of the bytes, one segment after the other. */
export async function* splitBody(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += segmentBytes) {
    yield bytes.subarray(offset, offset + segmentBytes)
  }
}

/** Resolves when the client has read what was written, or has left. */
function drained(outgoing: OutgoingResponse): Promise<void> {
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

/** @returns the bytes of a buffer or a view; undefined for anything else */
export function asBytes(body: unknown): Uint8Array | undefined {
  if (body instanceof Uint8Array) return body
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength)
  return body instanceof ArrayBuffer || body instanceof SharedArrayBuffer ? new Uint8Array(body) : undefined
}

/** Releases a body that is not sent. */
export function cancel(body: unknown): void {
  if (body instanceof ReadableStream && !body.locked) body.cancel().catch(() => {})
  else if (typeof (body as { destroy?: unknown } | undefined)?.destroy === 'function') {
    ;(body as { destroy(): void }).destroy()
  }
}
