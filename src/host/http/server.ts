import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { StartupError } from '../../errors.ts'
import type { Certificate } from './certificate.ts'
import { checkRequest, maxHeaderFields } from './check-request.ts'
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
  // Longer than the load balancers in front (Azure 230 s for an answer, 60 s idle), short enough to end forgotten ones.
  requestTimeout: 300_000,
  headersTimeout: 60_000,
  keepAliveTimeout: 72_000,
  maxHeaderSize: maxHeadBytes,
  requireHostHeader: false, // Node's own answer would have no body
  noDelay: true,
}

/** A TLS handshake that takes longer is given up. */
const handshakeTimeout = 10_000

/** Connections that may wait to be accepted. */
const backlog = 4096

export type OnRequest = (incoming: IncomingMessage, outgoing: ServerResponse, expectsContinue: boolean) => void

/** A server that speaks HTTPS when it has a certificate; `onRequest` gets every request, whatever its method. */
export class HttpServer {
  readonly #server: Server
  /** Every connection, also those in a TLS handshake, which Node's own list lacks. */
  readonly #sockets = new Set<Socket>()
  /** Connections without a request yet: Node counts them as busy. */
  readonly #silent = new Set<Socket>()
  /** Those that requests come by. */
  readonly #open = new Set<Socket>()
  readonly #unanswered = new PendingResponses()

  constructor(certificate: Certificate | undefined, onRequest: OnRequest) {
    // TLS is loaded only where there is a certificate: it takes 5 ms of a start.
    const server = certificate
      ? process
          .getBuiltinModule('node:https')
          .createServer({ ...serverOptions, ...certificate, minVersion: 'TLSv1.2', handshakeTimeout })
      : createHttpServer(serverOptions)
    server.maxRequestsPerSocket = 0
    server.maxHeadersCount = maxHeaderFields + 1 // one more than is taken shows that there were too many
    const receive: OnRequest = (incoming, outgoing, expectsContinue) => {
      this.#silent.delete(incoming.socket)
      this.#unanswered.add(incoming.socket, outgoing)
      const refusal = checkRequest(incoming)
      if (refusal) refuse(outgoing, refusal)
      else onRequest(incoming, outgoing, expectsContinue)
    }
    server.on('request', (incoming, outgoing) => receive(incoming, outgoing, false))
    server.on('checkContinue', (incoming, outgoing) => receive(incoming, outgoing, true))
    const refused = new WeakSet<Socket>()
    server.on('clientError', (fault, duplex) => {
      const socket = duplex as Socket
      if (refused.has(socket)) return // it ends already
      refused.add(socket)
      refuseUnreadable(socket, fault, this.#unanswered.of(socket))
    })
    server.on('checkExpectation', (_, outgoing: ServerResponse) => {
      outgoing.writeHead(417, { 'content-length': 0, connection: 'close' }).end()
    })
    const connection = certificate ? 'secureConnection' : 'connection'
    server.on('connect', (_, duplex) => {
      const socket = duplex as Socket
      discardInput(socket)
      this.#afterResponses(socket, () => refuseAndClose(socket, tunnelRefused()))
    })
    server.on('upgrade', (incoming, duplex, rest) => {
      const socket = duplex as Socket
      const following = new InputBuffer(socket)
      this.#afterResponses(socket, () => {
        socket.setTimeout(0) // that of a connection at rest
        following.putBack(withoutUpgrade(incoming, rest))
        server.emit(connection, socket)
      })
    })
    const track = (...sets: Set<Socket>[]) => {
      return (socket: Socket) => {
        if (sets[0]?.has(socket)) return // an upgrade was ignored
        for (const sockets of sets) sockets.add(socket)
        socket.once('close', () => {
          for (const sockets of sets) sockets.delete(socket)
        })
      }
    }
    server.on('connection', track(this.#sockets))
    server.on(connection, track(this.#open, this.#silent))
    this.#server = server
  }

  /**
   * @param port  0 takes a free one
   * @returns the port
   * @throws StartupError when the port or the address cannot be had
   */
  async listen(port: number, address: string): Promise<number> {
    const server = this.#server
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => reject(new StartupError(listenFault(error, port, address)))
      server.once('error', fail)
      server.listen({ port, host: address, backlog }, () => {
        server.off('error', fail)
        resolve()
      })
    })
    return (server.address() as AddressInfo).port
  }

  /** Node.js has let go of the connection, which may owe answers still; once they are sent, it is ours. */
  #afterResponses(socket: Socket, then: () => void): void {
    const owed = this.#unanswered.of(socket)
    if (!socket.listeners('error').includes(ignore)) socket.on('error', ignore)
    const release = forwardSocketEvents(socket, owed)
    afterResponses(owed, () => {
      release()
      if (!socket.destroyed) then()
    })
  }

  /** From now on clients are let go of that take no byte of their answer for so long. */
  dropUnreadAfter(unreadMs: number): void {
    new UnreadResponses(this.#open, unreadMs).start()
  }

  /** Stops accepting, closes what is idle, and waits for requests in flight, but no longer than `maxMs`. */
  async drain(maxMs: number): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    const sweep = () => {
      for (const socket of this.#silent) socket.destroy()
      this.#server.closeIdleConnections()
    }
    sweep()
    const idleSweep = setInterval(sweep, 50) // a TLS handshake may end only now
    const deadline = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, maxMs)
    await closed
    clearInterval(idleSweep)
    clearTimeout(deadline)
  }
}

/** Of a connection: the client has left, which its end tells as well. */
const ignore = () => {}

function listenFault({ code, message }: NodeJS.ErrnoException, port: number, address: string): string {
  if (code === 'EADDRINUSE') {
    return `Port ${port} is unavailable. Close the process using that port, or specify another port using --port [-p].`
  }
  if (code === 'EACCES') return `Port ${port} may not be used by this user; specify another port using --port [-p].`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `Address ${address} is not one of this machine.`
  return `cannot listen on ${address}:${port}: ${message}`
}
