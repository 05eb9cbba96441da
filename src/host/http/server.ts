import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { StartupError } from '../../errors.ts'
import type { Certificate } from './certificate.ts'
import { checkRequest } from './check-request.ts'
import {
  afterResponses,
  forwardSocketEvents,
  InputBuffer,
  PendingResponses,
  withoutUpgrade,
} from './detached-socket.ts'
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

/** Deadline for a TLS handshake. */
const handshakeTimeoutMs = 10_000

/** Connections that may wait to be accepted. */
const backlog = 4096

export type OnRequest = (incoming: IncomingMessage, outgoing: ServerResponse, expectsContinue: boolean) => void

/**
 * A server for HTTP, or for HTTPS when it has a certificate. It refuses what is no HTTP/1.1 request; `onRequest` gets every
 * other request, whatever its method.
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

  constructor(certificate: Certificate | undefined, onRequest: OnRequest) {
    const server = createServer(certificate)
    this.#server = server
    const receive: OnRequest = (incoming, outgoing, expectsContinue) => {
      this.#silent.delete(incoming.socket)
      this.#pending.add(incoming.socket, outgoing)
      const refusal = checkRequest(incoming)
      if (refusal) refuse(outgoing, refusal)
      else onRequest(incoming, outgoing, expectsContinue)
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
    server.on('upgrade', (incoming, duplex, rest) => {
      const socket = duplex as Socket
      const input = new InputBuffer(socket)
      this.#afterResponses(socket, () => {
        socket.setTimeout(0) // the timeout of an idle connection
        input.putBack(withoutUpgrade(incoming, rest))
        server.emit(connection, socket)
      })
    })
    server.on('connection', track(this.#sockets))
    server.on(connection, track(this.#open, this.#silent))
  }

  /**
   * @param port  0 picks a free one
   * @returns the port
   * @throws StartupError when the port or the address cannot be used
   */
  async listen(port: number, address: string): Promise<number> {
    try {
      await once(this.#server.listen({ port, host: address, backlog }), 'listening')
    } catch (error) {
      throw new StartupError(listenFault(error as NodeJS.ErrnoException, port, address))
    }
    return (this.#server.address() as AddressInfo).port
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
  }

  /** Accepts no more connections, closes the idle ones, and waits at most `maxMs` for requests in progress. */
  async drain(maxMs: number): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    const sweep = () => {
      for (const socket of this.#silent) socket.destroy()
      this.#server.closeIdleConnections()
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
        minVersion: 'TLSv1.2',
        handshakeTimeout: handshakeTimeoutMs,
      })
    : createHttpServer(serverOptions)
  server.maxRequestsPerSocket = 0
  server.maxHeadersCount = 0 // checkRequest counts them: Node.js reports too many fields as too many bytes
  return server
}

/** @returns a listener that adds each new connection to the sets, and removes it when it closes */
function track(...sets: [Set<Socket>, ...Set<Socket>[]]): (socket: Socket) => void {
  return socket => {
    if (sets[0].has(socket)) return // known already: an upgrade was ignored
    for (const sockets of sets) sockets.add(socket)
    socket.once('close', () => {
      for (const sockets of sets) sockets.delete(socket)
    })
  }
}

/** Ignores an error of a connection: `close` follows, which is listened to. */
const ignore = () => {}

function listenFault({ code, message }: NodeJS.ErrnoException, port: number, address: string): string {
  if (code === 'EADDRINUSE') {
    return `Port ${port} is unavailable. Close the process using that port, or specify another port using --port [-p].`
  }
  if (code === 'EACCES')
    return `Port ${port} needs more rights than this user has; specify another port using --port [-p].`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `Address ${address} is not an address of this machine.`
  return `cannot listen on ${address}:${port}: ${message}`
}
