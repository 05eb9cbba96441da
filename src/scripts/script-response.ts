/** The `Response` of a script that answers by itself. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Whether a script answered with a `Response` of fetch. Naming that class makes Node.js load fetch, which takes 20 ms of a cold
 * start, so an answer's tag is compared first.
 */
export function isResponse(answer: unknown): answer is Response {
  const tag = (answer as { [Symbol.toStringTag]?: unknown } | null | undefined)?.[Symbol.toStringTag]
  return tag === 'Response' && answer instanceof Response
}

type Reading = Awaited<ReturnType<ReadableStreamDefaultReader<unknown>['read']>>

/** Largest part of a body that is buffered before it is sent. */
const maxHeldBytes = 2 ** 20

/**
 * Reads the body of a `Response` as far as it is available. Most are complete and are sent with their length; others are
 * streamed.
 *
 * @throws whatever the body throws before any of it is sent; TypeError when it was read already, or holds anything but bytes
 *   and text
 */
export async function readAhead(
  body: ReadableStream<unknown> | null,
): Promise<Uint8Array | ReadableStream<Uint8Array>> {
  if (body === null) return new Uint8Array()
  const reader = body.getReader()
  const held: Uint8Array[] = []
  let heldBytes = 0
  for (;;) {
    const reading = reader.read()
    const next = await Promise.race([reading, nextTurn(undefined)])
    if (next === undefined || (!next.done && heldBytes > maxHeldBytes)) return streamRest(reader, joined(held), reading)
    if (next.done) return joined(held)
    const piece = copyBytes(next.value)
    held.push(piece)
    heldBytes += piece.byteLength
  }
}

/** Streams the buffered part, then the buffer that is being read, then the others on demand. */
function streamRest(
  reader: ReadableStreamDefaultReader<unknown>,
  held: Uint8Array<ArrayBuffer>,
  reading: Promise<Reading>,
): ReadableStream<Uint8Array> {
  reading.catch(() => {}) // reported to the reader of the stream
  let next: Promise<Reading> | undefined = reading
  return new ReadableStream(
    {
      start(controller) {
        if (held.byteLength > 0) controller.enqueue(held)
      },
      async pull(controller) {
        const { done, value } = await (next ?? reader.read())
        next = undefined
        if (done) controller.close()
        else controller.enqueue(copyBytes(value))
      },
      cancel: reason => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** Copies a buffer, because a script may reuse it. */
function copyBytes(piece: unknown): Uint8Array<ArrayBuffer> {
  if (typeof piece === 'string') return new TextEncoder().encode(piece)
  if (piece instanceof Uint8Array) return new Uint8Array(piece)
  throw new TypeError('the body of a Response holds bytes or text')
}

/** Joins buffers. The memory belongs to the result alone, unlike that of `Buffer.concat`, because it is moved to another thread. */
function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const [only] = pieces
  if (only && pieces.length === 1) return only as Uint8Array<ArrayBuffer>
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.byteLength
  }
  return whole
}
