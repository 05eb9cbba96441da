import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type ErrorCode, ScoringError } from '../errors.ts'
import { encode } from '../tensor/python-json.ts'

/** What is refused before any function is asked, in the words that the functions use: JSON, and the connection ends. */
export function refuse(outgoing: ServerResponse, refusal: ScoringError): void {
  const { status, headers, body } = answerTo(refusal)
  outgoing.writeHead(status, headers).end(body)
}

/**
 * Answers what Node's parser could not read, or waited for in vain. Whoever is in the middle of another answer, or gone,
 * gets none.
 */
export function refuseUnreadable(socket: Socket, fault: Error & { code?: string }): void {
  // Node's own handler looks here too: an answer that has begun would be torn.
  const begun = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage
  if (!socket.writable || fault.code === 'ECONNRESET' || begun?.headersSent) {
    socket.destroy()
    return
  }
  const { status, headers, body } = answerTo(refusalOf(fault))
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
  dropRest(socket)
}

/** What a client still sends is dropped for a while: closing at once would reset the connection before it reads the answer. */
function dropRest(socket: Socket): void {
  socket.removeAllListeners('data') // Node's parser would complain about each piece anew
  socket.on('data', () => {}).resume()
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.on('close', () => clearTimeout(timer))
}

const lingerMs = 2000

/** Bytes of a request's line and headers together, as Kestrel takes them, on which Azure Functions runs. */
export const maxHeadBytes = 32_768

/** Header fields of a request, as Kestrel takes them (KestrelServerLimits.MaxRequestHeaderCount). */
export const maxHeaderFields = 100

export function tooManyHeaders(): ScoringError {
  return new ScoringError('HEADERS_TOO_LARGE', `A request may have ${maxHeaderFields} header fields at most.`)
}

export function hostMissing(): ScoringError {
  return new ScoringError('REQUEST_MALFORMED', 'An HTTP/1.1 request needs a Host header.')
}

/** The parser's own text names what is wrong and quotes nothing. */
function refusalOf(fault: Error & { code?: string; reason?: string }): ScoringError {
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

function answerTo({ status, message, code }: ScoringError) {
  const body = encode({ message, code })
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length), connection: 'close' }
  return { status, headers, body }
}
