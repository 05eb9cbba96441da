import { connect } from 'node:net'

/** What a server sent: header lines in their order, as they stood there, and the body without its chunks. */
export interface RawAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

/**
 * Writes the bytes of one request to a socket and reads the answer until the server closes: nothing between the test and
 * the wire adds a header, joins two, or hides one.
 *
 * @param method  of the request: the answer to HEAD has a length and no body
 */
export async function exchange(url: string, method: string, request: Buffer): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const received: Buffer[] = []
  await new Promise<void>((resolve, reject) => {
    socket.on('data', data => received.push(data))
    socket.on('error', error => (received.length > 0 ? resolve() : reject(error)))
    socket.on('close', () => resolve())
    socket.write(request)
  })
  return parse(Buffer.concat(received), method)
}

function parse(bytes: Buffer, method: string): RawAnswer {
  const end = bytes.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const headers = lines.map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
  })
  const isChunked = headers.some(([name, value]) => name.toLowerCase() === 'transfer-encoding' && value === 'chunked')
  const rest = bytes.subarray(end + 4)
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1])
  return { status, headers, body: isChunked && method !== 'HEAD' ? joinChunks(rest) : rest }
}

function joinChunks(bytes: Buffer): Buffer {
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString(), 16)
    if (!size) return Buffer.concat(chunks)
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
}
