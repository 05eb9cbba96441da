import { type KeyType, keySecretName, otherKeyType, parseKeyType } from './key-names.ts'
import type { Secret, SecretStore } from './secret-store.ts'
import { findKeyFault, makeKey } from './service-key.ts'

/** Azure ML's rule for names of web services; every such name may be part of a secret's name. */
const serviceName = /^[a-z][-a-z0-9]{1,30}[a-z0-9]$/
/** Many proxies reject longer headers. */
const maxKeyLength = 1024

/**
 * Lists and regenerates the keys of services as Azure ML's `listKeys` and `regenerateKey` do, with the rights that the
 * caller has on the vault. Running apps see a new key when they next read the vault.
 *
 * Nothing here calls it: it is for the SDK's `getKeys` and `regenKey`, which come with the client.
 */
export class KeyManagement {
  readonly #store: SecretStore
  readonly #randomBytes: (count: number) => Uint8Array

  /** @param randomBytes  cryptographically strong, e.g. `node:crypto`'s */
  constructor(store: SecretStore, randomBytes: (count: number) => Uint8Array) {
    this.#store = store
    this.#randomBytes = randomBytes
  }

  /**
   * Fetches the newest version of both keys, whether it is valid now or not.
   *
   * @returns undefined for a key that is absent or disabled
   * @throws Error when the vault cannot be reached
   */
  async listKeys(service: string, signal: AbortSignal): Promise<Record<KeyType, Secret | undefined>> {
    mustBeService(service)
    const [primary, secondary] = await Promise.all([
      this.#store.fetchSecret(keySecretName(service, 'primary'), signal),
      this.#store.fetchSecret(keySecretName(service, 'secondary'), signal),
    ])
    return { primary, secondary }
  }

  /**
   * Replaces one key of a service. The other key stays valid, so clients that use it are not interrupted.
   *
   * @param type   `primary` or `secondary`, in any case
   * @param value  the new key; default: a random one
   * @returns the new key
   * @throws Error when the type or the value is invalid, or the vault cannot be reached; its message never holds the value
   */
  async regenKey(
    { service, type, value }: { readonly service: string; readonly type: string; readonly value?: string },
    signal: AbortSignal,
  ): Promise<string> {
    mustBeService(service)
    const chosen = parseKeyType(type)
    const key = value ?? makeKey(this.#randomBytes)
    mustBeKey(key)
    const other = await this.#store.fetchSecret(keySecretName(service, otherKeyType(chosen)), signal)
    if (other?.value === key) {
      throw new Error(
        `the new ${chosen} key of ${service} is its ${otherKeyType(chosen)} key too: choose another value, or the old key stays valid`,
      )
    }
    await this.#store.writeSecret(keySecretName(service, chosen), key, signal)
    return key
  }
}

function mustBeService(name: string): void {
  if (!serviceName.test(name)) {
    throw new Error(
      `"${name}" is not a valid service name: 3 to 32 lower-case letters, digits and hyphens, beginning with a letter`,
    )
  }
}

function mustBeKey(value: string): void {
  const fault = value.length > maxKeyLength ? `has more than ${maxKeyLength} characters` : findKeyFault(value)
  if (fault !== undefined) throw new Error(`the given key ${fault}`)
}
