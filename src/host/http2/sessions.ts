import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { ScoringError } from '../../errors.ts'
import type { Receiver } from '../http/receiver.ts'
import { refuse } from '../http/refusal.ts'
import { ControlFrames } from './control-frames.ts'
import { endSession } from './end-session.ts'
import { errorCodes } from './error-codes.ts'
import { defaultLimits, type Http2Limits, sessionOptions, sessionWindowBytes } from './limits.ts'
import { receiveStream, type StreamExchange } from './receive-stream.ts'
import { UnreadStreams } from './unread-streams.ts'

/** A connection of HTTP/2. */
export interface OpenSession {
  readonly session: ServerHttp2Session
  readonly socket: Socket
  readonly streams: Set<ServerHttp2Stream>
  /** Requests so far. */
  streamCount: number
  /** Since when it has no request. */
  idleSince: number
}

/** The connections that speak HTTP/2: their requests, and the limits that keep one client from harming the others. */
export class Http2Sessions {
  readonly #receiver: Receiver
  readonly #limits: Http2Limits
  readonly #sessions = new Set<OpenSession>()
  /** Those without a request, the longest idle first. */
  readonly #idle = new Set<OpenSession>()
  /** Requests that have not come as a whole, with the time of their begin. */
  readonly #incomplete = new Map<StreamExchange, number>()
  #openStreams = 0
  #timer: NodeJS.Timeout | undefined

  constructor(receiver: Receiver, limits: Http2Limits = defaultLimits) {
    this.#receiver = receiver
    this.#limits = limits
  }

  /** Starts a session on a connection whose client speaks HTTP/2. */
  accept(socket: Socket): void {
    socket.on('error', ignore)
    if (socket.destroyed) return
    // Loading it takes 10 ms, which nobody waits for who speaks HTTP/1.1.
    const { performServerHandshake } = process.getBuiltinModule('node:http2')
    socket.allowHalfOpen = false // a client that sends no more gets no more
    const session = performServerHandshake(socket, sessionOptions)
    session.setLocalWindowSize(sessionWindowBytes)
    const idleSince = performance.now()
    const open: OpenSession = { session, socket, streams: new Set(), streamCount: 0, idleSince }
    const control = new ControlFrames()
    const count = () => {
      const { bytesWritten } = socket
      const isFlood = control.isFlood(performance.now(), { bytesWritten, streamCount: open.streamCount })
      if (isFlood) endSession(open, errorCodes.enhanceYourCalm)
    }
    session.on('stream', (stream, headers, _, rawHeaders) => this.#receive(open, stream, headers, rawHeaders))
    session.on('ping', count).on('remoteSettings', count).on('priority', count)
    session.on('error', ignore).on('frameError', ignore)
    socket.once('close', () => {
      this.#sessions.delete(open)
      this.#idle.delete(open)
      if (this.#sessions.size === 0) this.#stopTimer()
    })
    this.#sessions.add(open)
    this.#addIdle(open)
    this.#timer ??= setInterval(() => this.#check(performance.now()), this.#limits.checkMs).unref()
  }

  /** From now on, ends streams and sessions whose clients take no byte of their responses for `unreadMs`. */
  dropUnreadAfter(unreadMs: number): void {
    new UnreadStreams(this.#sessions, unreadMs).start()
  }

  /** Tells all clients to send no more requests; those in progress get their responses. */
  close(): void {
    for (const { session } of this.#sessions) session.close()
  }

  /** Closes the connections that have all their responses. */
  closeIdle(): void {
    for (const open of this.#idle) endSession(open)
  }

  #receive(
    open: OpenSession,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
  ): void {
    stream.on('error', ignore) // `close` follows
    if (stream.destroyed) return
    if (this.#openStreams >= this.#limits.maxOpenStreams) return stream.close(errorCodes.refusedStream)
    open.streamCount++
    open.streams.add(stream)
    this.#idle.delete(open)
    this.#openStreams++
    const options = { receiver: this.#receiver, remoteAddress: open.socket.remoteAddress }
    const exchange = receiveStream(stream, headers, rawHeaders, options)
    if (exchange && !stream.endAfterHeaders) this.#incomplete.set(exchange, performance.now())
    stream.once('close', () => {
      this.#openStreams--
      open.streams.delete(stream)
      if (exchange) this.#incomplete.delete(exchange)
      if (open.streams.size === 0) this.#addIdle(open)
    })
  }

  #addIdle(open: OpenSession): void {
    if (!this.#sessions.has(open)) return // closed with its last stream
    open.idleSince = performance.now()
    this.#idle.add(open)
    const [oldest] = this.#idle
    if (!oldest || this.#idle.size <= this.#limits.maxIdleSessions) return
    this.#idle.delete(oldest)
    endSession(oldest)
  }

  #check(now: number): void {
    const { idleMs, requestMs } = this.#limits
    for (const open of this.#idle) if (now - open.idleSince >= idleMs) endSession(open)
    for (const [exchange, startedAt] of this.#incomplete) {
      if (exchange.request.complete) this.#incomplete.delete(exchange)
      else if (now - startedAt >= requestMs) refuseLate(exchange)
    }
  }

  #stopTimer(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

function refuseLate({ response }: StreamExchange): void {
  if (response.headersSent) response.destroy()
  else refuse(response, new ScoringError('REQUEST_TIMEOUT', 'The request was not complete in time.'))
}

/** Ignores an error of a connection, a session or a stream: `close` follows, which is listened to. */
const ignore = () => {}
