import { ScoringError } from '../errors.ts'

/** RFC 6750, section 2.1: the scheme in any case, one token of `b64token`. */
const credentials = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i

/**
 * The token of an `Authorization` header.
 *
 * @throws ScoringError BEARER_MISSING without a Bearer credential, BEARER_REJECTED when it is malformed
 */
export function parseBearer(authorization: string | null): string {
  const header = authorization?.trim() ?? ''
  if (!/^Bearer\b/i.test(header)) {
    throw new ScoringError('BEARER_MISSING', 'This service needs a key: send the header "Authorization: Bearer <key>".')
  }
  const token = credentials.exec(header)?.[1]
  if (token === undefined) {
    throw new ScoringError(
      'BEARER_REJECTED',
      'The Authorization header is malformed: send "Authorization: Bearer <key>".',
    )
  }
  return token
}

/**
 * The `WWW-Authenticate` challenge (RFC 6750, section 3): without an error code when no credential came.
 *
 * @param code  BEARER_MISSING or BEARER_REJECTED
 */
export function challenge(service: string, code: string): string {
  const realm = `Bearer realm="${service}"`
  return code === 'BEARER_REJECTED' ? `${realm}, error="invalid_token"` : realm
}
