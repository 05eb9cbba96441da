import type { TokenCredential } from '@azure/identity'
import { type KeyVaultSecret, logger, SecretClient, type SecretClientOptions } from '@azure/keyvault-secrets'
import type { Secret, SecretStore } from '../../auth/secret-store.ts'
import { refuseLongWaits } from './long-waits.ts'
import { describeFailure, isAbsence } from './vault-failure.ts'
import type { VaultAddress } from './vault-url.ts'

/** Tries again soon and seldom: who waits for a key has others, or is told 503. */
const retryOptions = { maxRetries: 2, retryDelayInMs: 250, maxRetryDelayInMs: 1000 }
const maxRetryAfterMs = 2000
const tokenTimeoutMs = 20_000

// AZURE_LOG_LEVEL would have every request written out, and with it what its agent keeps: headers with the token.
logger.info.enabled = false

/** Secrets in Azure Key Vault. Every call ends with its signal, whatever the vault or the identity service does. */
export class KeyVaultSecretStore implements SecretStore {
  readonly #client: SecretClient
  readonly #host: string

  /** @param relaxed  differences of a stand-in's client, see `loopback-vault.ts` */
  constructor(
    address: VaultAddress,
    credential: TokenCredential,
    relaxed: Pick<SecretClientOptions, 'agent' | 'disableChallengeResourceVerification'> = {},
  ) {
    this.#host = address.host
    this.#client = new SecretClient(address.url, withTimeout(credential), {
      retryOptions,
      redirectOptions: { maxRetries: 0 }, // a vault never redirects
      additionalPolicies: [refuseLongWaits(maxRetryAfterMs)],
      ...relaxed,
    })
  }

  async fetchSecret(name: string, signal: AbortSignal): Promise<Secret | undefined> {
    let answer: KeyVaultSecret
    try {
      answer = await within(signal, () => this.#client.getSecret(name, { abortSignal: signal }))
    } catch (failure) {
      if (isAbsence(failure)) return undefined
      throw this.#failed('did not give', name, failure, 'Key Vault Secrets User', signal)
    }
    const secret = readSecret(answer)
    if (!secret) throw new VaultError(`${this.#sentence('did not give', name)} its answer is no secret`, 'no-secret')
    return secret
  }

  async writeSecret(name: string, value: string, signal: AbortSignal): Promise<void> {
    try {
      await within(signal, () => this.#client.setSecret(name, value, { abortSignal: signal }))
    } catch (failure) {
      throw this.#failed('did not take', name, failure, 'Key Vault Secrets Officer', signal)
    }
  }

  /** Without `cause`: the SDK's errors hold the request, and that the token and the value. */
  #failed(what: string, name: string, failure: unknown, role: string, signal: AbortSignal): VaultError {
    const { code, reason } = describeFailure(failure, role, signal)
    return new VaultError(`${this.#sentence(what, name)} ${reason}`, code)
  }

  #sentence(what: string, name: string): string {
    return `the vault ${this.#host} ${what} the secret "${name}":`
  }
}

/** A vault cannot be asked now. */
class VaultError extends Error {
  /** Such as `timeout`, `ECONNRESET` or `status-403`. */
  readonly code: string

  constructor(message: string, code: string) {
    super(message)
    this.name = 'VaultError'
    this.code = code
  }
}

/** @returns undefined when a part is missing or has another type: a limit that cannot be read must not become none */
function readSecret({ value, properties }: KeyVaultSecret): Secret | undefined {
  const { version, enabled } = properties
  if (typeof value !== 'string' || typeof version !== 'string' || typeof enabled !== 'boolean') return undefined
  const notBefore = toMillis(properties.notBefore)
  const expiresAt = toMillis(properties.expiresOn)
  if (Number.isNaN(notBefore) || Number.isNaN(expiresAt)) return undefined
  return { value, version, isEnabled: enabled, notBefore, expiresAt }
}

/** NaN when it is no time: the SDK hands on what it cannot read. */
function toMillis(time: unknown): number | undefined {
  if (time === undefined || time === null) return undefined
  return time instanceof Date ? time.getTime() : Number.NaN
}

/**
 * A token has a time limit of its own: the SDK goes on to renew it in the background when the call that began it has
 * ended, and what it asks for then must not end with that call's signal.
 */
function withTimeout(credential: TokenCredential): TokenCredential {
  return {
    getToken: (scopes, options) => {
      const abortSignal = AbortSignal.timeout(tokenTimeoutMs)
      return within(abortSignal, () => credential.getToken(scopes, { ...options, abortSignal }))
    },
  }
}

/** The result of the work, or a failure when the signal comes first: some credentials know nothing of signals. */
async function within<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  signal.throwIfAborted()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = () => reject(signal.reason)
  signal.addEventListener('abort', end)
  try {
    return await Promise.race([work(), ended])
  } finally {
    signal.removeEventListener('abort', end)
  }
}
