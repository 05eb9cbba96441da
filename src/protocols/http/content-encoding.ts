import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import {
  brotliDecompress,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  deflate,
  gunzip,
  gzip,
  inflate,
  inflateRaw,
} from 'node:zlib'
import { ScoringError } from '../../errors.ts'
import type { HeldBytes } from '../../scheduling/byte-budget.ts'
import type { DecompressionLimits } from '../../scheduling/concurrency-limit.ts'
import { GrowingBytes } from './growing-bytes.ts'
import type { WireResponse } from './wire.ts'

interface Coding {
  /** Unpacks small results in one call. */
  whole(body: Uint8Array, options: { maxOutputLength: number }): Promise<Uint8Array>
  /** Unpacks other results in buffers. */
  open(options: { chunkSize: number }): Readable & { end(body: Uint8Array): void }
}

const zlib: Coding = { whole: promisify(inflate), open: createInflate }
const bare: Coding = { whole: promisify(inflateRaw), open: createInflateRaw }
const gzipped: Coding = { whole: promisify(gunzip), open: createGunzip }
const brotli: Coding = { whole: promisify(brotliDecompress), open: createBrotliDecompress }
const compressions = { gzip: promisify(gzip), deflate: promisify(deflate) }

/** Smaller answers do not benefit from compression. */
const compressedFromBytes = 1024

/** Most bodies unpack to less. Larger ones wait for a turn, and their memory is counted buffer by buffer. */
const smallBytes = 2 ** 20
const pieceBytes = 2 ** 18

/** The request whose body is unpacked. */
interface UnpackingRequest {
  /** Bytes held by the request: the packed body is counted already, the unpacked one is added. */
  readonly held: HeldBytes
  readonly decompression: DecompressionLimits
  readonly isAbandoned: () => boolean
}

/**
 * Decodes a request's `Content-Encoding`, in zlib's own threads.
 *
 * @param maxBytes  largest body after decompression; larger ones are given up as soon as they exceed it
 * @throws ScoringError CONTENT_ENCODING_UNSUPPORTED, BODY_NOT_DECOMPRESSIBLE, BODY_TOO_LARGE, BODY_ABORTED or QUEUE_FULL
 */
export async function unpackBody(
  body: Uint8Array,
  contentEncoding: string,
  maxBytes: number,
  { held, decompression, isAbandoned }: UnpackingRequest,
): Promise<Uint8Array> {
  const encoding = contentEncoding.trim().toLowerCase()
  if (encoding === '' || encoding === 'identity') return body
  const coding = selectCoding(encoding, body)
  const isActive = () => !isAbandoned()
  try {
    const packed = { coding, body, maxBytes, held }
    let plain = await decompression.small.run(() => unpackSmall(packed), isActive)
    if (plain === 'larger') plain = await decompression.large.run(() => unpackLarge(packed), isActive)
    if (plain === undefined) throw new ScoringError('BODY_ABORTED', 'The caller closed the connection.')
    held.replace(plain.byteLength)
    return plain
  } catch (cause) {
    if (cause instanceof ScoringError) throw cause
    throw new ScoringError(
      'BODY_NOT_DECOMPRESSIBLE',
      `The request body cannot be decompressed as ${encoding}, its Content-Encoding.`,
    )
  }
}

/** @throws ScoringError CONTENT_ENCODING_UNSUPPORTED */
function selectCoding(encoding: string, body: Uint8Array): Coding {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return gzipped
    case 'deflate':
      // RFC 9110, section 8.4.1.2, means zlib's format, whose first byte ends in 8; .NET's DeflateStream writes it bare.
      return ((body[0] ?? 8) & 15) === 8 ? zlib : bare
    case 'br':
      return brotli
    default:
      throw new ScoringError(
        'CONTENT_ENCODING_UNSUPPORTED',
        'Expects Content-Encoding to be one of gzip, deflate, br, or absent',
      )
  }
}

interface PackedBody {
  readonly coding: Coding
  readonly body: Uint8Array
  readonly maxBytes: number
  readonly held: HeldBytes
}

async function unpackSmall({ coding, body, maxBytes, held }: PackedBody): Promise<Uint8Array | 'larger'> {
  const most = Math.min(maxBytes, smallBytes)
  held.resize(body.byteLength + most)
  try {
    // Small results of zlib share Node's pool, whose buffer cannot be moved to a thread.
    return new Uint8Array(await coding.whole(body, { maxOutputLength: most }))
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'ERR_BUFFER_TOO_LARGE') throw cause
    if (maxBytes <= smallBytes) throw tooLarge(maxBytes)
    held.replace(body.byteLength)
    return 'larger'
  }
}

/** Starts again from the beginning, which costs at most a hundredth of the rest. */
async function unpackLarge({ coding, body, maxBytes, held }: PackedBody): Promise<Uint8Array> {
  const plain = new GrowingBytes(undefined)
  const stream = coding.open({ chunkSize: pieceBytes })
  stream.end(body)
  try {
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      if (plain.size + piece.byteLength > maxBytes) throw tooLarge(maxBytes)
      held.resize(body.byteLength + plain.size + piece.byteLength)
      plain.append(piece)
      // Freed at once, as the garbage collector would be too late; zlib uses a new buffer when one is full.
      if (piece.byteLength === piece.buffer.byteLength) (piece.buffer as ArrayBuffer).transfer(0)
    }
    return plain.finish()
  } catch (failure) {
    plain.drop()
    throw failure
  }
}

function tooLarge(maxBytes: number): ScoringError {
  return new ScoringError(
    'BODY_TOO_LARGE',
    `The request body is larger than ${maxBytes} bytes when decompressed; send fewer rows at a time.`,
  )
}

/** Compresses an answer if it is large enough and the client accepts gzip or deflate. */
export async function compressAnswer(answer: WireResponse, acceptEncoding: string | null): Promise<WireResponse> {
  const { body, headers } = answer
  if (body === undefined || Array.isArray(headers)) return answer
  const isWhole = typeof body === 'string' || ArrayBuffer.isView(body)
  if (!isWhole || body.length < compressedFromBytes) return answer
  const vary = headers.vary ? `${headers.vary}, Accept-Encoding` : 'Accept-Encoding'
  const coding = chooseCoding(acceptEncoding ?? '')
  if (!coding) return { ...answer, headers: { ...headers, vary } }
  return {
    ...answer,
    headers: { ...headers, vary, 'content-encoding': coding },
    body: await compressions[coding](body),
  }
}

/** @returns gzip where the client takes it, deflate where it takes that instead */
function chooseCoding(acceptEncoding: string): keyof typeof compressions | undefined {
  const { gzip, deflate } = readWeights(acceptEncoding)
  if (gzip > 0) return 'gzip'
  return deflate > 0 ? 'deflate' : undefined
}

/** @returns Brotli, the smallest, where the client takes it, gzip where it takes that or `*` instead */
export function chooseFileCoding(acceptEncoding: string): 'br' | 'gzip' | undefined {
  const { br, gzip } = readWeights(acceptEncoding)
  if (br > 0) return 'br'
  return gzip > 0 ? 'gzip' : undefined
}

/** The weights, 0 for what is not named; `*` is read as gzip, whose own weight takes precedence (RFC 9110, section 12.5.3). */
function readWeights(acceptEncoding: string): Record<'br' | 'gzip' | 'deflate', number> {
  const weights = new Map(
    acceptEncoding.split(',').map(part => {
      const [coding = '', ...parameters] = part.split(';').map(each => each.trim().toLowerCase())
      const weight = parameters.find(each => each.startsWith('q='))
      return [coding, weight === undefined ? 1 : Number(weight.slice(2))] as const
    }),
  )
  return {
    br: weights.get('br') ?? 0,
    gzip: weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0,
    deflate: weights.get('deflate') ?? 0,
  }
}
