import { promisify } from 'node:util'
import { brotliDecompress, gunzip, gzip, inflate, inflateRaw } from 'node:zlib'
import { ScoringError } from '../errors.ts'
import type { WireResponse } from './wire.ts'

const inflateZlib = promisify(inflate)
const inflateBare = promisify(inflateRaw)
const decompressors = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  // RFC 9110, section 8.4.1.2, means zlib's format, whose first byte ends in 8; .NET's DeflateStream writes it bare.
  deflate: (body: Uint8Array, options: { maxOutputLength: number }) =>
    ((body[0] ?? 8) & 15) === 8 ? inflateZlib(body, options) : inflateBare(body, options),
  br: promisify(brotliDecompress),
}
const compress = promisify(gzip)

/** Answers below this gain nothing from compression. */
const compressedFromBytes = 1024

/**
 * Undoes a request's `Content-Encoding`.
 *
 * @param maxBytes  largest body after decompression; a bomb is given up when it exceeds that
 * @throws ScoringError CONTENT_ENCODING_UNSUPPORTED, BODY_NOT_DECOMPRESSIBLE or BODY_TOO_LARGE
 */
export async function decompressBody(body: Uint8Array, contentEncoding: string, maxBytes: number): Promise<Uint8Array> {
  const encoding = contentEncoding.trim().toLowerCase()
  if (encoding === '' || encoding === 'identity') return body
  if (!Object.hasOwn(decompressors, encoding)) {
    throw new ScoringError(
      'CONTENT_ENCODING_UNSUPPORTED',
      'Expects Content-Encoding to be one of gzip, deflate, br, or absent',
    )
  }
  try {
    const plain = await decompressors[encoding as keyof typeof decompressors](body, { maxOutputLength: maxBytes })
    // Small results of zlib share Node's pool, whose buffer cannot be moved to a thread.
    return new Uint8Array(plain)
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new ScoringError(
        'BODY_TOO_LARGE',
        `The request body is larger than ${maxBytes} bytes when decompressed; send fewer rows at a time.`,
      )
    }
    throw new ScoringError(
      'BODY_NOT_DECOMPRESSIBLE',
      `The request body is not what its Content-Encoding says: ${encoding}`,
    )
  }
}

/** Compresses an answer of some size with gzip, when the client takes that. */
export async function compressAnswer(answer: WireResponse, acceptEncoding: string | null): Promise<WireResponse> {
  const { body, headers } = answer
  if (body === undefined || Array.isArray(headers)) return answer
  const isWhole = typeof body === 'string' || ArrayBuffer.isView(body)
  if (!isWhole || body.length < compressedFromBytes) return answer
  const vary = headers.vary ? `${headers.vary}, Accept-Encoding` : 'Accept-Encoding'
  if (acceptEncoding === null || !acceptsGzip(acceptEncoding)) return { ...answer, headers: { ...headers, vary } }
  return { ...answer, headers: { ...headers, vary, 'content-encoding': 'gzip' }, body: await compress(body) }
}

/** RFC 9110, section 12.5.3: `gzip` or `*` with a weight above 0; a weight for `gzip` itself outweighs `*`. */
export function acceptsGzip(acceptEncoding: string): boolean {
  const weights = new Map(
    acceptEncoding.split(',').map(part => {
      const [coding = '', ...parameters] = part.split(';').map(each => each.trim().toLowerCase())
      const weight = parameters.find(each => each.startsWith('q='))
      return [coding, weight === undefined ? 1 : Number(weight.slice(2))] as const
    }),
  )
  return (weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0) > 0
}
