import { type ErrorCode, ScoringError } from '../errors.ts'

/** Matches the scheme in any case and one `b64token` (RFC 6750, section 2.1). */
const credentials = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i

/**
 * Reads the token from an `Authorization` header. Keys are accepted nowhere else, because URLs end up in logs.
 *
 * @param kind  the credential that the service expects, for messages
 * @throws ScoringError BEARER_MISSING without a Bearer credential, BEARER_MALFORMED when it is not exactly one
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
      'BEARER_MALFORMED',
      `The Authorization header is malformed: send it once, as "Authorization: Bearer <${kind}>".`,
    )
  }
  return token
}

/** Error codes of RFC 6750, section 3.1; empty when no credential was sent. */
const bearerErrors: ReadonlyMap<string, string> = new Map<ErrorCode, string>([
  ['BEARER_MISSING', ''],
  // The RFC proposes 400, but clients of Azure ML act on 401.
  ['BEARER_MALFORMED', ', error="invalid_request"'],
  ['BEARER_REJECTED', ', error="invalid_token"'],
  ['ROLE_MISSING', ', error="insufficient_scope"'],
])

/**
 * Returns the `WWW-Authenticate` challenge of a failure (RFC 6750, section 3).
 *
 * @param scope  the scope that the token lacks, for ROLE_MISSING
 * @returns undefined when the failure does not concern credentials
 */
export function challenge(service: string, code: string, scope?: string): string | undefined {
  const error = bearerErrors.get(code)
  const required = scope === undefined ? '' : `, scope="${scope}"`
  return error === undefined ? undefined : `Bearer realm="${service}"${error}${required}`
}
