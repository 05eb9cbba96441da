/**
 * Node.js detaches a socket from its HTTP parser when it meets something other than a request: an upgrade, CONNECT, or
 * bytes that it cannot read. The responses that the connection still owes go first; what follows waits for them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The responses that each connection owes, in the order of its requests (RFC 9112, section 9.3.2). */
export class PendingResponses {
  readonly #responses = new WeakMap<Socket, ServerResponse[]>()

  add(socket: Socket, response: ServerResponse): void {
    this.#responses.set(socket, [...this.get(socket), response])
  }

  get(socket: Socket): ServerResponse[] {
    return this.#responses.get(socket)?.filter(response => !isDone(response)) ?? []
  }
}

/**
 * Calls back when the client has these responses, or has left; at once when there are none.
 *
 * @param responses  of one connection, in order
 */
export function afterResponses(responses: readonly ServerResponse[], then: () => void): void {
  const last = responses.at(-1)
  if (last) last.once('close', then)
  else then()
}

/**
 * Passes `drain` and `close` of a detached socket on to its pending responses, which Node.js no longer does.
 *
 * @returns a function that stops it
 */
export function forwardSocketEvents(socket: Socket, responses: readonly ServerResponse[]): () => void {
  const onDrain = () => responses.find(response => !isDone(response))?.emit('drain')
  const onClose = () => {
    for (const response of responses) {
      if (isDone(response)) continue
      response.destroyed = true
      response.emit('close')
    }
  }
  socket.on('drain', onDrain).on('close', onClose)
  return () => socket.off('drain', onDrain).off('close', onClose)
}

function isDone(response: ServerResponse): boolean {
  return response.writableFinished || response.destroyed
}

/**
 * Encodes a request again without its Upgrade, which a server may ignore (RFC 9110, section 7.8). Node.js takes everything
 * after such a head for the other protocol.
 *
 * @param following  the bytes that came after the head
 * @returns bytes to parse as if they had just come
 */
export function withoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage, following: Buffer): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    const value = rawHeaders[index + 1] as string
    const key = name.toLowerCase()
    if (key === 'upgrade') continue
    const rest = key === 'connection' ? withoutUpgradeOption(value) : value
    if (rest !== undefined) lines.push(`${name}: ${rest}`)
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), following])
}

function withoutUpgradeOption(value: string): string | undefined {
  const options = value.split(',').filter(option => option.trim().toLowerCase() !== 'upgrade')
  return options.length > 0 ? options.join(',').trim() : undefined
}

/** Reading goes on up to this size, because a connection that is not read does not report that its client has left. */
const maxBufferedBytes = 65_536

/** Buffers what comes on a connection that waits for its pending responses. */
export class InputBuffer {
  readonly #socket: Socket
  readonly #chunks: Buffer[] = []
  #bytes = 0

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', this.#buffer).on('end', this.#close).resume()
  }

  /** Puts everything back into the socket, after these bytes, for the parser to read. */
  putBack(before: Buffer): void {
    const socket = this.#socket
    socket.off('data', this.#buffer).off('end', this.#close).pause()
    ;(socket as { readableFlowing: boolean | null }).readableFlowing = null // the next listener starts the flow again
    socket.unshift(Buffer.concat([before, ...this.#chunks]))
  }

  readonly #buffer = (chunk: Buffer) => {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes >= maxBufferedBytes) this.#socket.pause()
  }

  /** A client that sends no more gets no more, as with Node.js. */
  readonly #close = () => {
    this.#socket.destroy()
  }
}
