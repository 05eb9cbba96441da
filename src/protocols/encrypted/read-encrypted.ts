import { requestBytes } from '../../encrypted/bfv/layout.ts'
import { keyIdPattern } from '../../encrypted/ckks/parameters.ts'
import { ScoringError } from '../../errors.ts'
import type { EncryptedFacts } from '../../models/session/load-report.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import { checkConnectionString, type OwnStorage } from './connection-string.ts'

/** What came: rows, or one of two kinds of encrypted features. */
export type FoundRequest =
  | { readonly kind: 'plain' }
  | { readonly kind: 'fast'; readonly isJson: boolean }
  | { readonly kind: 'original'; readonly keyId: string }

/** Header of an object of SEAL 4, uncompressed: magic number, size of the header, major version. */
const sealMagic = [0x5e, 0xa1, 0x10, 0x04]
/** Members that no request of plain rows has: `data` that begins with text, or the name of keys. */
const encryptedMembers = /"data"\s*:\s*(\[\s*)?"|"key_id"\s*:/
/** Of a ciphertext of encrypted-inference: 220 KB come. */
const maxTextLength = 280_000
/** Of the other members: names, and a connection string. */
const maxOtherLength = 16_384

/**
 * Tells by its body whether a request is encrypted, and checks all but the ciphertexts.
 *
 * @param container  the one that the app is configured for
 * @throws ScoringError INPUT_INVALID naming the field, BODY_TOO_LARGE
 */
export function readEncrypted(
  { body, contentType, details }: InferenceRequest,
  { original }: EncryptedFacts,
  { container, storage }: { readonly container: string; readonly storage: OwnStorage | undefined },
): FoundRequest {
  const isSeal = details?.layout === undefined && sealMagic.every((byte, at) => body[at] === byte)
  if (isSeal && /^application\/octet-stream\b/i.test(contentType?.trim() ?? '')) return { kind: 'fast', isJson: false }
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const limit = maxOtherLength + Math.max(2 * requestBytes, (original?.ciphertextCount ?? 0) * maxTextLength)
  if (!encryptedMembers.test(bytes.subarray(0, limit).toString('latin1'))) return { kind: 'plain' }
  if (body.length > limit)
    throw new ScoringError(
      'BODY_TOO_LARGE',
      `The request body has ${body.length} bytes; encrypted requests of this service have up to ${limit}.`,
    )
  const members = parse(bytes)
  if (members === undefined) return { kind: 'plain' } // whose reader says what is wrong with it
  const { data } = members
  if (typeof data === 'string') return { kind: 'fast', isJson: true }
  if (!Array.isArray(data) || !data.every(each => typeof each === 'string'))
    throw invalid('data', 'expected a ciphertext in base64, or a list of them')
  const { key_id: keyId, conn_str: connectionString, container: given } = members
  if (typeof keyId !== 'string' || !keyIdPattern.test(keyId))
    throw invalid('key_id', 'expected the id that get_public_keys() returns: 32 characters a-z and 2-7')
  if (given !== undefined && given !== null && given !== container)
    throw invalid('container', 'it is not the container from which this app reads public keys; leave it out')
  if (connectionString !== undefined && connectionString !== null) checkConnectionString(connectionString, storage)
  return { kind: 'original', keyId }
}

function parse(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    // TextDecoder drops a byte order mark, which plain requests may have as well.
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function invalid(field: string, reason: string): ScoringError {
  return new ScoringError('INPUT_INVALID', `${field}: ${reason}.`)
}
