import { ScoringError } from '../errors.ts'

/** RFC 6750, section 2.1: the scheme in any case, one token of `b64token`. */
const credentials = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i

/**
 * The token of an `Authorization` header.
 *
 * @param kind  what the service takes, for messages
 * @throws ScoringError BEARER_MISSING without a Bearer credential, BEARER_REJECTED when it is malformed
 */
export function parseBearer(authorization: string | null, kind: 'key' | 'token' = 'key'): string {
  const header = authorization?.trim() ?? ''
  if (!/^Bearer\b/i.test(header)) {
    throw new ScoringError(
      'BEARER_MISSING',
      `This service needs a ${kind}: send the header "Authorization: Bearer <${kind}>".`,
    )
  }
  const token = credentials.exec(header)?.[1]
  if (token === undefined) {
    throw new ScoringError(
      'BEARER_REJECTED',
      `The Authorization header is malformed: send "Authorization: Bearer <${kind}>".`,
    )
  }
  return token
}

/**
 * The `WWW-Authenticate` challenge (RFC 6750, section 3): without an error code when no credential came.
 *
 * @param code   BEARER_MISSING, BEARER_REJECTED or ROLE_MISSING
 * @param scope  what the token has to grant, for ROLE_MISSING
 */
export function challenge(service: string, code: string, scope?: string): string {
  const realm = `Bearer realm="${service}"`
  if (scope !== undefined) return `${realm}, error="insufficient_scope", scope="${scope}"`
  return code === 'BEARER_REJECTED' ? `${realm}, error="invalid_token"` : realm
}
