import type { ServerHttp2Stream } from 'node:http2'
import { checkEvery, readUnsentBytes } from '../http/unread-responses.ts'
import { endSession } from './end-session.ts'
import { errorCodes } from './error-codes.ts'
import type { OpenSession } from './sessions.ts'

/** Since when a session or a stream has made no progress, and how far it had come. */
interface Standstill {
  readonly text: string
  readonly at: number
}

/** How many times longer one stream may stand still while its session moves: its next write may be large, and the client slow. */
const streamFactor = 10

/**
 * Ends what clients take no byte of: a session that has responses to send and sends nothing, and a stream that stands still
 * for much longer while others of its session move. Both happen when a client does not read its connection, and when it
 * opens no window for what it has asked for.
 */
export class UnreadStreams {
  readonly #sessions: Iterable<OpenSession>
  readonly #unreadMs: number
  readonly #sessionsAt = new WeakMap<OpenSession, Standstill>()
  readonly #streamsAt = new WeakMap<ServerHttp2Stream, Standstill>()

  /** @param unreadMs  longest time without a byte */
  constructor(sessions: Iterable<OpenSession>, unreadMs: number) {
    this.#sessions = sessions
    this.#unreadMs = unreadMs
  }

  start(): void {
    checkEvery(this.#unreadMs / 4, now => this.#check(now))
  }

  async #check(now: number): Promise<void> {
    const full = [...this.#sessions].filter(open => {
      const isFull = [...open.streams].some(isWaiting)
      if (!isFull) this.#sessionsAt.delete(open)
      return isFull
    })
    if (full.length === 0) return
    const unsent = await readUnsentBytes()
    for (const open of full) {
      const { localPort, remotePort, bytesWritten } = open.socket
      const text = `${bytesWritten} ${unsent.get(`${localPort} ${remotePort}`)}`
      if (isStuck(this.#sessionsAt, open, { text, at: now }, this.#unreadMs))
        endSession(open, errorCodes.enhanceYourCalm)
      else this.#checkStreams(open.streams, now)
    }
  }

  #checkStreams(streams: Iterable<ServerHttp2Stream>, now: number): void {
    for (const stream of streams) {
      if (!isWaiting(stream)) continue
      if (!this.#streamsAt.has(stream)) beforeNextWrite(stream, () => this.#streamsAt.delete(stream))
      const text = String(stream.writableLength)
      if (isStuck(this.#streamsAt, stream, { text, at: now }, this.#unreadMs * streamFactor))
        stream.close(errorCodes.cancel)
    }
  }
}

/** Whether bytes of a response wait to be sent. */
function isWaiting(stream: ServerHttp2Stream): boolean {
  return stream.writableLength > 0 && !stream.destroyed
}

/** Calls back when the stream begins another write, because its client has taken the one before. */
function beforeNextWrite(stream: ServerHttp2Stream, then: () => void): void {
  const { _write, _writev } = stream
  const release = () => {
    Object.assign(stream, { _write, _writev })
    then()
  }
  stream._write = (...write) => {
    release()
    _write.apply(stream, write)
  }
  stream._writev = (...writes) => {
    release()
    _writev?.apply(stream, writes)
  }
}

/** Notes how far something has come. @returns whether that was the same for at least `maxMs` */
function isStuck<Key extends object>(
  before: WeakMap<Key, Standstill>,
  key: Key,
  current: Standstill,
  maxMs: number,
): boolean {
  const standstill = before.get(key)
  if (standstill?.text === current.text) return current.at - standstill.at >= maxMs
  before.set(key, current)
  return false
}
