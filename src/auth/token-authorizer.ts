import { hash } from 'node:crypto'
import { errors, jwtVerify } from 'jose'
import { ScoringError } from '../errors.ts'
import type { Authorizer, Caller } from './authorizer.ts'
import { parseBearer } from './bearer.ts'
import type { SigningKeys } from './signing-keys.ts'
import { checkClaims, type TokenTrust, tokenRejected } from './token-claims.ts'
import { VerifiedTokens } from './verified-tokens.ts'

/** Characters. Entra ID's tokens have about 2,000, and some more per role. Longer tokens are rejected unparsed. */
const maxTokenLength = 16_384
/** Allowed difference between the clocks of issuer and host. */
const clockToleranceS = 60

interface TokenAuthorizerOptions {
  readonly trust: TokenTrust
  readonly keys: SigningKeys
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Authorizes callers with an access token of one tenant (RFC 9068; checked as RFC 8725 recommends). */
export class TokenAuthorizer implements Authorizer {
  readonly #options: TokenAuthorizerOptions
  readonly #verified = new VerifiedTokens()

  constructor(options: TokenAuthorizerOptions) {
    this.#options = options
  }

  get isReady(): boolean {
    return this.#options.keys.current !== undefined
  }

  /** @throws ScoringError BEARER_MISSING, BEARER_MALFORMED, BEARER_REJECTED, TOKEN_KEYS_UNAVAILABLE, or RoleMissing */
  authorize(
    authorization: string | null,
    { isDryRun }: Pick<Caller, 'isDryRun'> = { isDryRun: false },
  ): void | Promise<void> {
    const token = parseBearer(authorization, 'token')
    if (token.length > maxTokenLength) throw tokenRejected()
    const { keys, now } = this.#options
    const digest = hash('sha256', token, 'base64')
    const keySet = keys.current
    if (keySet && this.#verified.has(digest, keySet, now())) return
    return this.#verify(token, !isDryRun).then(validUntil => {
      if (keySet) this.#verified.add(digest, keySet, validUntil)
    })
  }

  /** @returns when the token expires, in milliseconds since 1970 */
  async #verify(token: string, mayFetch: boolean): Promise<number> {
    const { trust, keys, now } = this.#options
    if (!hasPlainSignature(token)) throw tokenRejected()
    try {
      const { payload } = await jwtVerify(token, (header, jws) => keys.find(header, jws, mayFetch), {
        algorithms: ['RS256'], // the only algorithm that Entra ID signs with
        issuer: [...trust.issuers],
        audience: [...trust.audiences],
        requiredClaims: ['exp'],
        clockTolerance: clockToleranceS,
        currentDate: new Date(now()),
      })
      checkClaims(payload, trust)
      return ((payload.exp as number) + clockToleranceS) * 1000
    } catch (failure) {
      throw refusalFor(failure)
    }
  }
}

/**
 * Whether the signature is written as RFC 7515, section 2, requires: without padding or stray bits in the last character,
 * which base64 decoders ignore. Every token then has a single spelling, since header and claims are signed as text.
 */
function hasPlainSignature(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1)
  return Buffer.from(signature, 'base64url').toString('base64url') === signature
}

/** Turns a failure of `jose` into one without a cause, because errors of `jose` hold the claims. */
function refusalFor(failure: unknown): unknown {
  // Times are checked last, so these two messages tell a forger nothing.
  if (failure instanceof errors.JWTExpired) return new ScoringError('BEARER_REJECTED', 'The token has expired.')
  if (
    failure instanceof errors.JWTClaimValidationFailed &&
    failure.claim === 'nbf' &&
    failure.reason === 'check_failed'
  ) {
    return new ScoringError('BEARER_REJECTED', 'The token is not valid yet.')
  }
  return failure instanceof errors.JOSEError ? tokenRejected() : failure
}
