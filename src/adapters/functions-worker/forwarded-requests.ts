/**
 * The connections over which Azure's host forwards requests to the server that `@azure/functions` opens in the worker. The library
 * shows its functions neither that a caller leaves nor that it has the answer (azure-functions-nodejs-library, issue 294), so the
 * server is found where Node.js reports that one listens. The embedded host has requests that know both by themselves.
 */
import { subscribe } from 'node:diagnostics_channel'
import { type IncomingMessage, Server, type ServerResponse } from 'node:http'
import type { HttpHandler, HttpRequest, HttpResponseInit } from '@azure/functions'

/** Names the invocation that a connection belongs to. (DefaultHttpProxyService) */
const invocationHeader = 'x-ms-invocation-id'
/**
 * Bytes of a head that are taken. The host accepts 32 KiB and adds fields of its own. Node.js would refuse more than 16 KiB before the
 * library sees the request, whose invocation would then wait until it times out, and the host end the process.
 */
const maxHeadBytes = 65_536

/** Finds the connection that an invocation came by, and gives handlers what it tells. */
export class ForwardedRequests {
  /** By invocation, until the connection is closed or the answer sent. */
  readonly #responses = new Map<string, ServerResponse>()

  /** To be called before the library opens its server. */
  watch(): void {
    subscribe('tracing:net.server.listen:asyncStart', message => {
      const { server } = message as { server: unknown }
      // The embedded host has set its limit.
      if (server instanceof Server && (server as LimitedServer).maxHeaderSize === undefined) this.#observe(server)
    })
  }

  #observe(server: Server): void {
    ;(server as LimitedServer).maxHeaderSize = maxHeadBytes
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const id = request.headers[invocationHeader]
      if (typeof id !== 'string') return
      this.#responses.set(id, response)
      response.on('close', () => {
        if (this.#responses.get(id) === response) this.#responses.delete(id)
      })
    })
  }

  /**
   * Makes a handler for both hosts: in Azure its request has `isAbandoned`, `whenAnswered` and `hostTrace`, and its answer the
   * length of its body, and the policy of HTTPS.
   */
  handler(answer: (request: HttpRequest) => Promise<HttpResponseInit>): HttpHandler {
    return (request, context) => {
      if ('isAbandoned' in request) return answer(request)
      if (context.traceContext?.traceParent)
        Object.defineProperty(request, 'hostTrace', { value: context.traceContext })
      const response = this.#responses.get(context.invocationId)
      if (response !== undefined) {
        Object.defineProperties(request, {
          isAbandoned: { get: () => response.destroyed && !response.writableFinished },
          whenAnswered: { value: (then: () => void) => (response.destroyed ? then() : response.once('close', then)) },
        })
      }
      return answer(request).then(init => withTransportSecurity(request, withLength(request.method, init)))
    }
  }
}

/** Node.js reads it for each connection. */
interface LimitedServer extends Server {
  maxHeaderSize?: number
}

/** Azure's front end ends TLS and adds no policy: for a year browsers open this host over HTTPS only. (RFC 6797) */
function withTransportSecurity({ url }: HttpRequest, init: HttpResponseInit): HttpResponseInit {
  if (!url.startsWith('https:')) return init
  const fields = fieldsOf(init)
  if (fields.some(([name]) => name?.toLowerCase() === 'strict-transport-security')) return init // a script decides itself
  return { ...init, headers: [...fields, ['strict-transport-security', 'max-age=31536000; includeSubDomains']] }
}

/** Clients of Azure Machine Learning get the length of an answer. A stream has none. */
function withLength(method: string, init: HttpResponseInit): HttpResponseInit {
  const { body, status } = init
  if (method === 'HEAD' || status === 204 || status === 304) return init
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return init
  const length: [string, string] = ['content-length', String(Buffer.byteLength(body))]
  return { ...init, headers: [...fieldsOf(init).filter(([name]) => name?.toLowerCase() !== 'content-length'), length] }
}

function fieldsOf({ headers }: HttpResponseInit): [string, string][] {
  return Array.isArray(headers) ? headers : Object.entries(headers ?? {})
}
