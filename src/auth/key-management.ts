import { type KeySlot, keySecretName, otherSlot, parseKeySlot } from './key-names.ts'
import { makeKey } from './make-key.ts'
import type { Secret, SecretStore } from './secret-store.ts'
import { faultOfKey } from './service-key.ts'

/** Azure ML's rule for the name of a web service; every such name is legal in the name of a secret. */
const serviceName = /^[a-z][-a-z0-9]{1,30}[a-z0-9]$/
/** A header with more is refused on the way by many a proxy. */
const maxKeyLength = 1024

/**
 * Lists and changes the keys of services as Azure ML's `listKeys` and `regenerateKey` do, with whatever rights the
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
   * The newest version of both keys, whether it can be used now or not; undefined: there is none, or it is disabled.
   *
   * @throws Error when the vault cannot be asked
   */
  async listKeys(service: string, signal: AbortSignal): Promise<Record<KeySlot, Secret | undefined>> {
    mustBeService(service)
    const [primary, secondary] = await Promise.all([
      this.#store.fetchSecret(keySecretName(service, 'primary'), signal),
      this.#store.fetchSecret(keySecretName(service, 'secondary'), signal),
    ])
    return { primary, secondary }
  }

  /**
   * Replaces one key of a service and leaves the other alone, so clients that use that one go on working.
   *
   * @param slot   `primary` or `secondary`, in any case
   * @param value  the new key; default: a random one
   * @returns the new key
   * @throws Error when the slot or the value is not legal, or the vault cannot be asked; the value is not in its message
   */
  async regenKey(service: string, slot: string, signal: AbortSignal, value?: string): Promise<string> {
    mustBeService(service)
    const chosen = parseKeySlot(slot)
    const key = value ?? makeKey(this.#randomBytes)
    mustBeKey(key)
    const other = await this.#store.fetchSecret(keySecretName(service, otherSlot(chosen)), signal)
    if (other?.value === key) {
      throw new Error(
        `the new ${chosen} key of ${service} is its ${otherSlot(chosen)} key: replacing one would not shut the other out`,
      )
    }
    await this.#store.writeSecret(keySecretName(service, chosen), key, signal)
    return key
  }
}

function mustBeService(name: string): void {
  if (!serviceName.test(name)) {
    throw new Error(`"${name}" is no service name: 3 to 32 lower-case letters, digits and "-", a letter first`)
  }
}

function mustBeKey(value: string): void {
  const fault = value.length > maxKeyLength ? `is longer than ${maxKeyLength} characters` : faultOfKey(value)
  if (fault !== undefined) throw new Error(`the given key ${fault}`)
}
