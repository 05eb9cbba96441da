import type { TokenCredential } from '@azure/identity'
import { type KeyVaultSecret, logger, SecretClient, type SecretClientOptions } from '@azure/keyvault-secrets'
import type { Secret, SecretStore } from '../../auth/secret-store.ts'
import { refuseLongWaits } from './long-waits.ts'
import { describeFailure, isAbsence } from './vault-failure.ts'
import type { VaultAddress } from './vault-url.ts'

/** Few and quick retries: requests that wait for a key would rather be answered with 503. */
const retryOptions = { maxRetries: 2, retryDelayInMs: 250, maxRetryDelayInMs: 1000 }
const maxRetryAfterMs = 2000
const tokenTimeoutMs = 20_000

// AZURE_LOG_LEVEL would log every request, and with it the headers that hold the token.
logger.info.enabled = false

/** Reads and writes secrets in Azure Key Vault. Every call ends with its signal, whatever the vault or Entra ID does. */
export class KeyVaultSecretStore implements SecretStore {
  readonly #client: SecretClient
  readonly #host: string

  /** @param relaxed  options for a test double, see `loopback-vault.ts` */
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
      throw this.#failed(failure, {
        sentence: this.#sentence('did not return', name),
        role: 'Key Vault Secrets User',
        signal,
      })
    }
    const secret = readSecret(answer)
    if (!secret)
      throw new VaultError(`${this.#sentence('did not return', name)} the response is not a secret`, 'no-secret')
    return secret
  }

  async writeSecret(name: string, value: string, signal: AbortSignal): Promise<void> {
    try {
      await within(signal, () => this.#client.setSecret(name, value, { abortSignal: signal }))
    } catch (failure) {
      throw this.#failed(failure, {
        sentence: this.#sentence('did not store', name),
        role: 'Key Vault Secrets Officer',
        signal,
      })
    }
  }

  /** Has no `cause`, because the SDK's errors hold the request with its token and value. */
  #failed(failure: unknown, { sentence, role, signal }: FailedCall): VaultError {
    const { code, reason } = describeFailure(failure, role, signal)
    return new VaultError(`${sentence} ${reason}`, code)
  }

  #sentence(what: string, name: string): string {
    return `the vault ${this.#host} ${what} the secret "${name}":`
  }
}

interface FailedCall {
  /** Beginning of the message. */
  readonly sentence: string
  /** The role that the call needs. */
  readonly role: string
  readonly signal: AbortSignal
}

/** The vault cannot be reached, or refuses the call. */
class VaultError extends Error {
  /** A code such as `timeout`, `ECONNRESET` or `status-403`. */
  readonly code: string

  constructor(message: string, code: string) {
    super(message)
    this.name = 'VaultError'
    this.code = code
  }
}

/** @returns undefined when a member is missing or has another type: an unreadable date must not become no date */
function readSecret({ value, properties }: KeyVaultSecret): Secret | undefined {
  const { version, enabled } = properties
  if (typeof value !== 'string' || typeof version !== 'string' || typeof enabled !== 'boolean') return undefined
  const notBefore = toMillis(properties.notBefore)
  const expiresAt = toMillis(properties.expiresOn)
  if (Number.isNaN(notBefore) || Number.isNaN(expiresAt)) return undefined
  return { value, version, isEnabled: enabled, notBefore, expiresAt }
}

/** @returns NaN for anything but a date: the SDK passes through what it cannot parse */
function toMillis(time: unknown): number | undefined {
  if (time === undefined || time === null) return undefined
  return time instanceof Date ? time.getTime() : Number.NaN
}

/**
 * Gives token requests a timeout of their own. The SDK renews tokens in the background after the call that needed one has
 * ended, so such a request must not end with that call's signal.
 */
function withTimeout(credential: TokenCredential): TokenCredential {
  return {
    getToken: (scopes, options) => {
      const abortSignal = AbortSignal.timeout(tokenTimeoutMs)
      return within(abortSignal, () => credential.getToken(scopes, { ...options, abortSignal }))
    },
  }
}

/** Rejects as soon as the signal aborts, because some credentials ignore signals. */
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
