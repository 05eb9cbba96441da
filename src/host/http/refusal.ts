import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type ErrorCode, ScoringError } from '../../errors.ts'
import { afterResponses } from './detached-socket.ts'
import type { OutgoingResponse } from './exchange.ts'

/** Refuses a request that reaches no function: JSON as the app's own errors, and the connection is closed. */
export function refuse(outgoing: OutgoingResponse, refusal: ScoringError): void {
  const { status, headers, body } = encodeRefusal(refusal)
  outgoing.writeHead(status, Object.entries(headers).flat())
  outgoing.end(body)
}

/**
 * Refuses what Node's parser could not read, or did not get in time, once the requests before it have their responses.
 * A client that has left, or has the beginning of a response to this very request, gets none.
 *
 * @param pending  the responses that the connection owes
 */
export function refuseUnreadable(
  socket: Socket,
  fault: Error & { code?: string },
  pending: readonly ServerResponse[],
): void {
  if (!socket.writable || fault.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  discardInput(socket)
  // When the unreadable part is the body, the request has a response already.
  const begun = pending.find(({ req }) => !req.complete)
  afterResponses(
    pending.filter(response => response !== begun),
    () => {
      if (begun?.headersSent) socket.destroy()
      else refuseAndClose(socket, explainFault(fault))
    },
  )
}

/** Sends the refusal, and closes the connection. */
export function refuseAndClose(socket: Socket, refusal: ScoringError): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, body } = encodeRefusal(refusal)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
  // Closing at once would reset the connection before the client reads the response.
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
}

/** Reads and discards what a client still sends. */
export function discardInput(socket: Socket): void {
  socket.removeAllListeners('data') // Node's parser would report each chunk again
  socket.on('data', () => {}).resume()
}

const lingerMs = 2000

/** Largest request line and headers together: the limit of Kestrel, on which Azure Functions runs. */
export const maxHeadBytes = 32_768

export function tunnelRefused(): ScoringError {
  return new ScoringError('PATH_UNKNOWN', 'This server opens no tunnels: CONNECT is not supported.')
}

/** Uses the parser's own text where there is one: it names the fault and quotes nothing of the request. */
function explainFault(fault: Error & { code?: string; reason?: string }): ScoringError {
  const malformed: ErrorCode = 'REQUEST_MALFORMED'
  switch (fault.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ScoringError(
        'HEADERS_TOO_LARGE',
        `The request line and the headers together may have at most ${maxHeadBytes} bytes.`,
      )
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ScoringError('REQUEST_TIMEOUT', 'The request was not complete in time.')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ScoringError(malformed, 'The extensions of a chunk of the body are too long.')
    default:
      return new ScoringError(malformed, `The request is not HTTP/1.1: ${fault.reason ?? 'it cannot be read'}.`)
  }
}

function encodeRefusal({ status, message, code }: ScoringError) {
  // Spaced as the app's own error bodies are. All messages are ASCII.
  const body = `{"message": ${JSON.stringify(message)}, "code": ${JSON.stringify(code)}}`
  const headers = {
    'content-type': 'application/json',
    'x-content-type-options': 'nosniff', // it may quote the request
    'content-length': String(body.length),
    connection: 'close',
  }
  return { status, headers, body }
}
