/**
 * A body that crosses as the script makes it, over a port of its own. The main thread asks for one piece at a time, so that the
 * script makes no more than the client takes: `pull` goes to the thread, a piece or `end` comes back. A side that closes the
 * port before `end` gives up: the thread cannot send the rest, or the main thread does not need it.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads'

const pull = 'pull'
const end = 'end'

/**
 * Sends a body from a thread.
 *
 * @param onFailure  receives what the body throws; the main thread learns only that it ended too soon
 * @returns the port for the main thread
 */
export function sendBody(body: ReadableStream<Uint8Array>, onFailure: (failure: unknown) => void): MessagePort {
  const { port1: ours, port2: theirs } = new MessageChannel()
  const reader = body.getReader()
  let isOver = false
  ours.on('message', async () => {
    try {
      const { done, value } = await reader.read()
      isOver = done
      if (done) ours.postMessage(end)
      else ours.postMessage(value, [value.buffer as ArrayBuffer])
    } catch (failure) {
      isOver = true
      onFailure(failure)
      ours.close()
    }
  })
  ours.on('close', () => {
    if (!isOver) reader.cancel().catch(onFailure)
  })
  return theirs
}

interface ReceiveOptions {
  /** Longest time for one piece. */
  readonly idleMs: number
  /** Whether the thread may be stopped at a break point, and so has no time limit. */
  readonly isDebugged: () => boolean
  /** Called once, when the port is closed. */
  readonly onEnd: () => void
}

/**
 * Receives a body from a thread.
 *
 * @returns a stream that fails when the thread ends, the body throws, or a piece takes too long
 */
export function receiveBody(
  port: MessagePort,
  { idleMs, isDebugged, onEnd }: ReceiveOptions,
): ReadableStream<Uint8Array> {
  let next = expectPiece()
  port.on('message', message => next.resolve(message))
  port.on('close', () => {
    next.reject(new Error('the body of the answer ended before it was complete'))
    onEnd()
  })
  port.unref()
  return new ReadableStream(
    {
      async pull(controller) {
        port.postMessage(pull)
        const timer = setInterval(() => {
          if (isDebugged()) return
          next.reject(new Error(`no further piece of the answer's body came within ${idleMs} ms (limits.timeoutMs)`))
          port.close()
        }, idleMs)
        try {
          const message = await next.promise
          next = expectPiece()
          if (message !== end) return controller.enqueue(message as Uint8Array)
          controller.close()
          port.close()
        } finally {
          clearInterval(timer)
        }
      },
      cancel: () => port.close(),
    },
    { highWaterMark: 0 },
  )
}

/** Its failure reaches the reader that asks for the piece; without one it is no unhandled rejection. */
function expectPiece(): PromiseWithResolvers<unknown> {
  const piece = Promise.withResolvers<unknown>()
  piece.promise.catch(() => {})
  return piece
}
