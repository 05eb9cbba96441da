import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { StartupError } from '../../errors.ts'
import { Http2Sessions } from '../http2/sessions.ts'
import type { Certificate } from './certificate.ts'
import { checkRequest } from './check-request.ts'
import {
  afterResponses,
  forwardSocketEvents,
  InputBuffer,
  PendingResponses,
  withoutUpgrade,
} from './detached-socket.ts'
import { detectHttp2 } from './detect-http2.ts'
import type { Receiver } from './receiver.ts'
import { discardInput, maxHeadBytes, refuse, refuseAndClose, refuseUnreadable, tunnelRefused } from './refusal.ts'
import { UnreadResponses } from './unread-responses.ts'

const serverOptions = {
  // Longer than the limits of Azure's load balancers (230 s for a response, 60 s idle), short enough to end forgotten ones.
  requestTimeout: 300_000,
  headersTimeout: 60_000,
  keepAliveTimeout: 72_000,
  maxHeaderSize: maxHeadBytes,
  requireHostHeader: false, // Node's own refusal would have no body
  noDelay: true,
}

/** What Node's HTTP server sets for its connections. */
const connectionOptions = { allowHalfOpen: true, noDelay: true }

/** The fault that Node.js reports of a client that sends no request in time. */
const requestTimeout = Object.assign(new Error('no request came'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })

/** Deadline for a TLS handshake. */
const handshakeTimeoutMs = 10_000

/** Connections that may wait to be accepted. */
const backlog = 4096

/**
 * A server for HTTP, or for HTTPS when it has a certificate. Each connection speaks HTTP/1.1 or HTTP/2, as its client
 * chooses: in clear text by its first bytes, with TLS in the handshake (ALPN). What is no request is refused; the receiver
 * gets every other request, whatever its method.
 */
export class HttpServer {
  readonly #server: Server
  /** Every connection, also those in a TLS handshake, which Node's own list lacks. */
  readonly #sockets = new Set<Socket>()
  /** Connections without a request yet: Node counts them as busy. */
  readonly #silent = new Set<Socket>()
  /** Connections that requests come by: with TLS, those whose handshake is complete. */
  readonly #open = new Set<Socket>()
  readonly #pending = new PendingResponses()
  readonly #http2: Http2Sessions
  /** Listens on another port. */
  #second: NetServer | undefined

  constructor(certificate: Certificate | undefined, receiver: Receiver) {
    const server = createServer(certificate)
    this.#server = server
    this.#http2 = new Http2Sessions(receiver)
    const receive = (incoming: IncomingMessage, outgoing: ServerResponse, expectsContinue: boolean) => {
      this.#silent.delete(incoming.socket)
      this.#pending.add(incoming.socket, outgoing)
      const refusal = checkRequest(incoming)
      if (refusal) refuse(outgoing, refusal)
      else receiver.request(incoming, outgoing, expectsContinue)
    }
    server.on('request', (incoming, outgoing) => receive(incoming, outgoing, false))
    server.on('checkContinue', (incoming, outgoing) => receive(incoming, outgoing, true))
    const refused = new WeakSet<Socket>()
    server.on('clientError', (fault, duplex) => {
      const socket = duplex as Socket
      if (refused.has(socket)) return // it is being closed already
      refused.add(socket)
      refuseUnreadable(socket, fault, this.#pending.get(socket))
    })
    server.on('checkExpectation', (_, outgoing: ServerResponse) => {
      outgoing.writeHead(417, { 'content-length': 0, connection: 'close' }).end()
    })
    server.on('connect', (_, duplex) => {
      const socket = duplex as Socket
      discardInput(socket)
      this.#afterResponses(socket, () => refuseAndClose(socket, tunnelRefused()))
    })
    const connection = certificate ? 'secureConnection' : 'connection'
    // Node's own listener gives each connection to the parser of HTTP/1.1.
    const [listener] = server.listeners(connection)
    const parse = (socket: Socket) => void listener?.call(server, socket)
    server.removeAllListeners(connection)
    server.on('upgrade', (incoming, duplex, rest) => {
      const socket = duplex as Socket
      const input = new InputBuffer(socket)
      this.#afterResponses(socket, () => {
        socket.setTimeout(0) // the timeout of an idle connection
        input.putBack(withoutUpgrade(incoming, rest))
        parse(socket)
      })
    })
    server.on('connection', track(this.#sockets))
    server.on(connection, track(this.#open, this.#silent))
    if (certificate)
      server.on(connection, (socket: TLSSocket) => this.#choose(socket, socket.alpnProtocol === 'h2', parse))
    else server.on(connection, (socket: Socket) => this.#detect(socket, parse))
  }

  /** Reads from the first bytes of a connection which protocol it speaks. */
  #detect(socket: Socket, parse: (socket: Socket) => void): void {
    detectHttp2(socket, serverOptions.headersTimeout, {
      onDetected: isHttp2 => this.#choose(socket, isHttp2, parse),
      onSilent: () => refuseUnreadable(socket, requestTimeout, []),
    })
  }

  #choose(socket: Socket, isHttp2: boolean, parse: (socket: Socket) => void): void {
    if (!isHttp2) return parse(socket)
    this.#silent.delete(socket)
    this.#http2.accept(socket)
  }

  /**
   * @param port  0 picks a free one
   * @returns the port
   * @throws StartupError when the port or the address cannot be used
   */
  async listen(port: number, address: string): Promise<number> {
    return listen(this.#server, { port, address, option: '--port [-p]' })
  }

  /** Listens on a second port, as `listen` does on the first; each takes the same requests. */
  async listenToo(port: number, address: string): Promise<number> {
    this.#second = createNetServer(connectionOptions, socket => this.#server.emit('connection', socket))
    return listen(this.#second, { port, address, option: '--grpc-port' })
  }

  /** Calls back once the responses that a detached connection still owes are sent, unless its client has left. */
  #afterResponses(socket: Socket, then: () => void): void {
    const pending = this.#pending.get(socket)
    if (!socket.listeners('error').includes(ignore)) socket.on('error', ignore)
    const release = forwardSocketEvents(socket, pending)
    afterResponses(pending, () => {
      release()
      if (!socket.destroyed) then()
    })
  }

  /** From now on, disconnects clients that take no byte of their response for `unreadMs`. */
  dropUnreadAfter(unreadMs: number): void {
    new UnreadResponses(this.#open, unreadMs).start()
    this.#http2.dropUnreadAfter(unreadMs)
  }

  /** Accepts no more connections, closes the idle ones, and waits at most `maxMs` for requests in progress. */
  async drain(maxMs: number): Promise<void> {
    const closed = Promise.all([close(this.#server), this.#second && close(this.#second)])
    this.#http2.close()
    const sweep = () => {
      for (const socket of this.#silent) socket.destroy()
      this.#server.closeIdleConnections()
      this.#http2.closeIdle()
    }
    sweep()
    const idleSweep = setInterval(sweep, 50) // a TLS handshake may complete only now
    const deadline = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, maxMs)
    await closed
    clearInterval(idleSweep)
    clearTimeout(deadline)
  }
}

function createServer(certificate: Certificate | undefined): Server {
  // TLS takes 5 ms of a start, so it is loaded only for a certificate.
  const server = certificate
    ? process.getBuiltinModule('node:https').createServer({
        ...serverOptions,
        ...certificate,
        ALPNProtocols: ['h2', 'http/1.1'],
        minVersion: 'TLSv1.2',
        handshakeTimeout: handshakeTimeoutMs,
      })
    : createHttpServer(serverOptions)
  server.maxRequestsPerSocket = 0
  server.maxHeadersCount = 0 // checkRequest counts them: Node.js reports too many fields as too many bytes
  return server
}

/** @returns a listener that adds each new connection to the sets, and removes it when it closes */
function track(...sets: Set<Socket>[]): (socket: Socket) => void {
  return socket => {
    for (const sockets of sets) sockets.add(socket)
    socket.once('close', () => {
      for (const sockets of sets) sockets.delete(socket)
    })
  }
}

/** Ignores an error of a connection: `close` follows, which is listened to. */
const ignore = () => {}

function close(server: NetServer): Promise<unknown> {
  return new Promise(resolve => server.close(resolve))
}

interface Endpoint {
  readonly port: number
  readonly address: string
  /** What sets the port. */
  readonly option: string
}

async function listen(server: NetServer, endpoint: Endpoint): Promise<number> {
  const { port, address: host } = endpoint
  try {
    await once(server.listen({ port, host, backlog }), 'listening')
  } catch (error) {
    throw new StartupError(listenFault(error as NodeJS.ErrnoException, endpoint))
  }
  return (server.address() as AddressInfo).port
}

function listenFault({ code, message }: NodeJS.ErrnoException, { port, address, option }: Endpoint): string {
  if (code === 'EADDRINUSE') {
    return `Port ${port} is unavailable. Close the process using that port, or specify another port using ${option}.`
  }
  if (code === 'EACCES')
    return `Port ${port} needs more rights than this user has; specify another port using ${option}.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `Address ${address} is not an address of this machine.`
  return `cannot listen on ${address}:${port}: ${message}`
}
