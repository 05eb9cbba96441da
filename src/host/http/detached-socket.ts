import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The answers that each connection owes, in the order of its requests (RFC 9112, section 9.3.2). */
export class PendingResponses {
  readonly #answers = new WeakMap<Socket, ServerResponse[]>()

  add(socket: Socket, answer: ServerResponse): void {
    this.#answers.set(socket, [...this.of(socket), answer])
  }

  of(socket: Socket): ServerResponse[] {
    return this.#answers.get(socket)?.filter(answer => !isDone(answer)) ?? []
  }
}

/**
 * Calls back when the client has these answers, or has left: at once where there are none.
 *
 * @param answers  of one connection, in order
 */
export function afterResponses(answers: readonly ServerResponse[], then: () => void): void {
  const last = answers.at(-1)
  if (last) last.once('close', then)
  else then()
}

/**
 * Node.js has let go of the connection, whose parser met something else than a request, and of the answers that are not
 * sent yet: they hear no more that the client takes what is written, or has left. This tells them.
 */
export function forwardSocketEvents(socket: Socket, answers: readonly ServerResponse[]): () => void {
  const onDrain = () => answers.find(answer => !isDone(answer))?.emit('drain')
  const onClose = () => {
    for (const answer of answers) {
      if (isDone(answer)) continue
      answer.destroyed = true
      answer.emit('close')
    }
  }
  socket.on('drain', onDrain).on('close', onClose)
  return () => socket.off('drain', onDrain).off('close', onClose)
}

function isDone(answer: ServerResponse): boolean {
  return answer.writableFinished || answer.destroyed
}

/**
 * The request again, without the wish for another protocol: a server may ignore that (RFC 9110, section 7.8). Node.js takes
 * what comes after such a head for the other protocol, and drops it where nobody speaks that.
 *
 * @param rest  what came after the head
 * @returns bytes to be read as if they had just come
 */
export function withoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage, rest: Buffer): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const value = rawHeaders[at + 1] as string
    const key = name.toLowerCase()
    if (key === 'upgrade') continue
    const kept = key === 'connection' ? withoutUpgradeOption(value) : value
    if (kept !== undefined) lines.push(`${name}: ${kept}`)
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), rest])
}

function withoutUpgradeOption(value: string): string | undefined {
  const options = value.split(',').filter(option => option.trim().toLowerCase() !== 'upgrade')
  return options.length > 0 ? options.join(',').trim() : undefined
}

/** What comes meanwhile is kept up to this: a connection that nobody reads would not tell that its client has left. */
const maxBufferedBytes = 65_536

/** What follows on a connection that waits until the answers before are sent. */
export class InputBuffer {
  readonly #socket: Socket
  readonly #pieces: Buffer[] = []
  #bytes = 0

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', this.#keep).on('end', this.#leave).resume()
  }

  /** Everything is there to be read again, after these bytes. */
  putBack(before: Buffer): void {
    const socket = this.#socket
    socket.off('data', this.#keep).off('end', this.#leave).pause()
    ;(socket as { readableFlowing: boolean | null }).readableFlowing = null // who listens next begins to read
    socket.unshift(Buffer.concat([before, ...this.#pieces]))
  }

  readonly #keep = (piece: Buffer) => {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    if (this.#bytes >= maxBufferedBytes) this.#socket.pause()
  }

  /** As Node.js takes it: who sends no more wants no more. */
  readonly #leave = () => {
    this.#socket.destroy()
  }
}
