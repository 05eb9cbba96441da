import type { JWTPayload } from 'jose'
import { ScoringError } from '../errors.ts'

/** The tokens that a service accepts. */
export interface TokenTrust {
  /** The `tid` of every token: a GUID in lower case. */
  readonly tenantId: string
  /** The tenant's issuers (`iss`), one for each token version. */
  readonly issuers: readonly string[]
  /** Names of this service at the issuer (`aud`). */
  readonly audiences: readonly string[]
  /** The app role or scope that a caller needs to score. */
  readonly role: string
}

/**
 * Checks the claims that `jose` does not check: tenant, kind of token, role.
 *
 * @param claims  claims of a token whose signature is verified
 * @throws ScoringError BEARER_REJECTED, or RoleMissing
 * @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
export function checkClaims(claims: JWTPayload, { tenantId, role }: TokenTrust): void {
  const { tid, roles = [], scp, azp, appid } = claims
  if (tid !== tenantId || !isListOfStrings(roles) || !isStringOrAbsent(scp)) throw tokenRejected()
  // An ID token may carry roles too, but is not meant for calling services.
  const isAccessToken = typeof scp === 'string' || typeof azp === 'string' || typeof appid === 'string'
  if (!isAccessToken) throw tokenRejected()
  const scopes = scp?.split(' ') ?? []
  if (!roles.includes(role) && !scopes.includes(role)) throw new RoleMissing(role)
}

function isListOfStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(each => typeof each === 'string')
}

function isStringOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}

/** The token is valid for this service, but does not grant the role: 403. */
export class RoleMissing extends ScoringError {
  readonly role: string

  constructor(role: string) {
    super('ROLE_MISSING', `The token grants neither the app role nor the scope "${role}".`)
    this.role = role
  }
}

/** Returns the same error for every fault, so that a forger does not learn which check failed. */
export function tokenRejected(): ScoringError {
  return new ScoringError('BEARER_REJECTED', 'The token is not valid for this service.')
}
