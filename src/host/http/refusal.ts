import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type ErrorCode, ScoringError } from '../../errors.ts'
import { afterResponses } from './detached-socket.ts'

/** What is refused before any function is asked, in the words that the functions use: JSON, and the connection ends. */
export function refuse(outgoing: ServerResponse, refusal: ScoringError): void {
  const { status, headers, body } = encodeRefusal(refusal)
  outgoing.writeHead(status, headers).end(body)
}

/**
 * Answers what Node's parser could not read, or waited for in vain, when the requests before it are answered. Whoever is
 * gone, or has the beginning of an answer to this very request, gets none.
 *
 * @param unanswered  what the connection owes
 */
export function refuseUnreadable(
  socket: Socket,
  fault: Error & { code?: string },
  unanswered: readonly ServerResponse[],
): void {
  if (!socket.writable || fault.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  discardInput(socket)
  // It began well where what cannot be read is its body.
  const begun = unanswered.find(({ req }) => !req.complete)
  afterResponses(
    unanswered.filter(answer => answer !== begun),
    () => {
      if (begun?.headersSent) socket.destroy()
      else refuseAndClose(socket, explainFault(fault))
    },
  )
}

/** Says why it is the last that the connection hears, and ends it. */
export function refuseAndClose(socket: Socket, refusal: ScoringError): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, body } = encodeRefusal(refusal)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
  // Closing at once would reset the connection before the client reads the answer.
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
}

/** Reads and drops what a client still sends. */
export function discardInput(socket: Socket): void {
  socket.removeAllListeners('data') // Node's parser would complain about each piece anew
  socket.on('data', () => {}).resume()
}

const lingerMs = 2000

/** Bytes of a request's line and headers together, as Kestrel takes them, on which Azure Functions runs. */
export const maxHeadBytes = 32_768

export function tunnelRefused(): ScoringError {
  return new ScoringError('PATH_UNKNOWN', 'This server opens no tunnels: it takes no CONNECT.')
}

/** The parser's own text names what is wrong and quotes nothing. */
function explainFault(fault: Error & { code?: string; reason?: string }): ScoringError {
  const malformed: ErrorCode = 'REQUEST_MALFORMED'
  switch (fault.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ScoringError(
        'HEADERS_TOO_LARGE',
        `The request line and the headers may have ${maxHeadBytes} bytes at most, together.`,
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
