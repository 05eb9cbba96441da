import type { JWTPayload } from 'jose'
import { ScoringError } from '../errors.ts'

/** Which tokens open a service. */
export interface TokenTrust {
  /** `tid` of every token: a GUID in lower case. */
  readonly tenantId: string
  /** `iss`: the tenant's issuers, one for each version of token. */
  readonly issuers: readonly string[]
  /** `aud`: names of this service at the issuer. */
  readonly audiences: readonly string[]
  /** App role or scope that lets a caller score. */
  readonly role: string
}

/**
 * Checks what a token says beyond issuer, audience and time, which `jose` checks.
 *
 * @param claims  of a token whose signature is verified
 * @throws ScoringError BEARER_REJECTED, or RoleMissing
 * @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
export function checkClaims(claims: JWTPayload, { tenantId, role }: TokenTrust): void {
  const { tid, roles = [], scp, azp, appid } = claims
  if (tid !== tenantId || !isListOfStrings(roles) || !isStringOrAbsent(scp)) throw tokenRejected()
  // What an application learns about its user (an ID token) may carry roles too, but is no access token.
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

/** The token is whole and meant for this service, but does not say that its bearer may score: 403. */
export class RoleMissing extends ScoringError {
  readonly role: string

  constructor(role: string) {
    super('ROLE_MISSING', `The token grants neither the app role nor the scope "${role}".`)
    this.role = role
  }
}

/** Says the same whatever is wrong, so that nobody learns how far a forgery got. */
export function tokenRejected(): ScoringError {
  return new ScoringError('BEARER_REJECTED', 'The token is not valid for this service.')
}
