import { createGunzip, createInflate } from 'node:zlib'
import { ScoringError } from '../../errors.ts'
import { unpackBody } from '../http/content-encoding.ts'
import type { BodyAccount } from '../http/read-body.ts'

/** How messages may be compressed, as `grpc-accept-encoding` says it. */
export const messageEncodings = ['identity', 'deflate', 'gzip'] as const

/** @throws ScoringError CONTENT_ENCODING_UNSUPPORTED */
export function checkEncoding(encoding: string): void {
  if ((messageEncodings as readonly string[]).includes(encoding)) return
  throw new ScoringError(
    'CONTENT_ENCODING_UNSUPPORTED',
    `Expects grpc-encoding to be one of ${messageEncodings.join(', ')}, or absent`,
  )
}

/**
 * Unpacks a message.
 *
 * @throws ScoringError BODY_NOT_DECOMPRESSIBLE, BODY_TOO_LARGE, BODY_ABORTED or QUEUE_FULL
 */
export async function unpackMessage(
  packed: Uint8Array,
  encoding: string,
  maxBytes: number,
  account: BodyAccount & { readonly isAbandoned: () => boolean },
): Promise<Uint8Array> {
  try {
    return await unpackBody(packed, encoding, maxBytes, account)
  } catch (failure) {
    if (!(failure instanceof ScoringError) || failure.code !== 'BODY_NOT_DECOMPRESSIBLE') throw failure
    throw new ScoringError(
      'BODY_NOT_DECOMPRESSIBLE',
      `The message cannot be decompressed as ${encoding}, its grpc-encoding.`,
    )
  }
}

/**
 * Unpacks the beginning of a message.
 *
 * @param packed  the beginning of what was sent
 * @param maxBytes  the most that is unpacked
 * @returns nothing when it does not unpack, which is for who reads the whole message to say
 */
export function readHead(packed: Uint8Array, encoding: string, maxBytes: number): Promise<Uint8Array> {
  const stream = encoding === 'gzip' ? createGunzip({ chunkSize: maxBytes }) : createInflate({ chunkSize: maxBytes })
  return new Promise(resolve => {
    const finish = (head: Uint8Array) => {
      resolve(head)
      stream.destroy()
    }
    stream.once('data', finish)
    stream.once('end', () => finish(new Uint8Array()))
    stream.on('error', () => finish(new Uint8Array()))
    stream.write(packed)
    // Gives what has been unpacked, although more would follow; what unpacks to nothing yet has neither data nor an end.
    stream.flush(() => finish(new Uint8Array()))
  })
}
