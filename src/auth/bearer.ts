import { type ErrorCode, ScoringError } from '../errors.ts'

/** RFC 6750, section 2.1: the scheme in any case, one token of `b64token`. */
const credentials = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i

/**
 * The token of an `Authorization` header, the only place where one is looked for: keys in a URL end in logs.
 *
 * @param kind  what the service takes, for messages
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

/** Error codes of RFC 6750, section 3.1; none when no credential came. */
const bearerErrors: ReadonlyMap<string, string> = new Map<ErrorCode, string>([
  ['BEARER_MISSING', ''],
  // The RFC proposes 400 for it; clients of Azure ML act on 401, so that is what they get.
  ['BEARER_MALFORMED', ', error="invalid_request"'],
  ['BEARER_REJECTED', ', error="invalid_token"'],
  ['ROLE_MISSING', ', error="insufficient_scope"'],
])

/**
 * The `WWW-Authenticate` challenge (RFC 6750, section 3).
 *
 * @param scope  what the token has to grant, for ROLE_MISSING
 * @returns undefined when the failure has nothing to do with credentials
 */
export function challenge(service: string, code: string, scope?: string): string | undefined {
  const error = bearerErrors.get(code)
  const demand = scope === undefined ? '' : `, scope="${scope}"`
  return error === undefined ? undefined : `Bearer realm="${service}"${error}${demand}`
}
