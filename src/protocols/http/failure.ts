import { challenge } from '../../auth/bearer.ts'
import { RoleMissing } from '../../auth/token-claims.ts'
import { asScoringError, type ScoringError } from '../../errors.ts'

/**
 * The failure of a request as its caller may see it; what is not the caller's goes to the log with its cause.
 *
 * @param headers  of the answer, whose request id the log names
 */
export function readFailure(failure: unknown, headers: Record<string, string>, service?: string): ScoringError {
  const error = asScoringError(failure)
  if (error.code === 'INTERNAL') {
    const name = service === undefined ? '' : `[${service}] `
    console.error(`${name}unexpected failure of request ${JSON.stringify(headers['x-request-id'])}:`, error.cause)
  }
  return error
}

/** The header `WWW-Authenticate` of a failure that concerns credentials (RFC 6750, section 3); empty for others. */
export function challengeHeaders(error: ScoringError, service: string): Record<string, string> {
  const scope = error instanceof RoleMissing ? error.role : undefined
  const authenticate = challenge(service, error.code, scope)
  return authenticate === undefined ? {} : { 'www-authenticate': authenticate }
}

/** Seconds after which to try again; one where the app cannot score now and knows no better. */
export function retryAfterHeaders({ retryAfterSeconds, status }: ScoringError): Record<string, string> {
  const seconds = retryAfterSeconds ?? (status === 503 ? 1 : undefined)
  return seconds === undefined ? {} : { 'retry-after': String(seconds) }
}
