import { BodyTooLarge } from '../../errors.ts'
import type { IncomingRequest } from './exchange.ts'

/** The client left before the body was complete. */
export class BodyAborted extends Error {
  constructor() {
    super('the client closed the connection before the request body was complete')
    this.name = 'BodyAborted'
  }
}

/** Memory for a body is allocated ahead up to this size, and then as the body arrives: its length is only declared. */
const preallocatedBytes = 2 ** 20

/** Whether a request has a body. GET and HEAD have none, whatever follows them, as in the library. */
export function hasBody(incoming: IncomingRequest): boolean {
  if (incoming.method === 'GET' || incoming.method === 'HEAD') return false
  const { headers, endAfterHeaders } = incoming
  if (endAfterHeaders !== undefined) return !endAfterHeaders
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
}

/**
 * Reads the whole body into an ArrayBuffer of its own and of its exact size, so that it can be transferred.
 *
 * @throws BodyTooLarge, BodyAborted
 */
export async function readBody(incoming: IncomingRequest, limitBytes: number): Promise<ArrayBuffer> {
  const length = declaredLength(incoming)
  if (length !== undefined && length > limitBytes) throw new BodyTooLarge(limitBytes)
  let bytes = new Uint8Array(Math.min(length ?? 0, preallocatedBytes))
  let size = 0
  const poured = pourBody(incoming, limitBytes, piece => {
    if (size + piece.length > bytes.length) bytes = grow(bytes, size + piece.length, length ?? limitBytes)
    bytes.set(piece, size)
    size += piece.length
  })
  await poured
  return size === bytes.length ? bytes.buffer : bytes.buffer.transfer(size)
}

/**
 * Hands over the body as it arrives. The connection stays usable when `onPiece` throws, which ends the reading.
 *
 * @throws BodyTooLarge, BodyAborted, what `onPiece` throws
 */
export function pourBody(
  incoming: IncomingRequest,
  limitBytes: number,
  onPiece: (piece: Uint8Array) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let size = 0
    const finish = () => {
      incoming.off('data', take).off('end', succeed).off('error', abort).off('close', abort)
    }
    const take = (chunk: Buffer) => {
      size += chunk.length
      try {
        if (size > limitBytes) throw new BodyTooLarge(limitBytes)
        onPiece(chunk)
      } catch (failure) {
        finish()
        incoming.pause()
        reject(failure)
      }
    }
    const succeed = () => {
      // The body of a stream of HTTP/2 also ends when its client resets the stream.
      if (!incoming.complete) return abort()
      finish()
      resolve()
    }
    const abort = () => {
      finish()
      incoming.on('error', () => {}) // one may still come
      reject(new BodyAborted())
    }
    if (incoming.destroyed && !incoming.complete) return abort()
    if (incoming.readableEnded) return succeed()
    incoming.on('data', take).on('end', succeed).on('error', abort).on('close', abort)
  })
}

/**
 * Yields the body as it arrives. The connection stays usable when the reader stops early.
 *
 * @throws BodyTooLarge, BodyAborted
 */
export async function* streamBody(incoming: IncomingRequest, limitBytes: number): AsyncGenerator<Uint8Array> {
  let size = 0
  try {
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      size += chunk.length
      if (size > limitBytes) throw new BodyTooLarge(limitBytes)
      yield chunk
    }
    if (!incoming.complete) throw new BodyAborted()
  } catch (error) {
    throw incoming.complete || error instanceof BodyTooLarge ? error : new BodyAborted()
  }
}

/** @returns bytes; undefined when only its end tells the length of the body */
function declaredLength(incoming: IncomingRequest): number | undefined {
  const { headers, endAfterHeaders } = incoming
  const length = headers['content-length']
  if (headers['transfer-encoding'] !== undefined || (length === undefined && endAfterHeaders === false))
    return undefined
  return Number(length ?? 0)
}

function grow(bytes: Uint8Array<ArrayBuffer>, needed: number, limitBytes: number): Uint8Array<ArrayBuffer> {
  const capacity = Math.min(Math.max(needed, bytes.length * 2, 16_384), Math.max(needed, limitBytes))
  return new Uint8Array(bytes.buffer.transfer(capacity))
}

/** Up to this size the rest of a body is read and discarded to keep the connection; a longer one closes it. */
const maxDiscardBytes = 256 * 1024
/** How long and how much a client may go on sending after its response, so that it gets to read the response. */
const linger = { maxMs: 10_000, maxBytes: 2 ** 30 }

/**
 * Whether more of the request may still come than is worth discarding to keep the connection. A request of HTTP/2 ends with
 * its stream, and the connection stays.
 */
export function isTooLongToDiscard(incoming: IncomingRequest): boolean {
  if (incoming.httpVersionMajor === 2) return false
  return !incoming.complete && (declaredLength(incoming) ?? Number.POSITIVE_INFINITY) > maxDiscardBytes
}

/** Reads and discards the rest of the body. */
export function discardBody(incoming: IncomingRequest): Promise<void> {
  return new Promise(resolve => {
    let size = 0
    const finish = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(finish, linger.maxMs)
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > linger.maxBytes) finish()
    })
    incoming.on('end', finish).on('close', finish).on('error', finish).resume()
  })
}
