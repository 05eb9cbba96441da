/** A secret as its vault returns it. Vaults return expired secrets too, so the reader checks the dates. */
export interface Secret {
  readonly value: string
  /** Name of this version of the secret. */
  readonly version: string
  readonly isEnabled: boolean
  /** Milliseconds since 1970; undefined: no such limit. */
  readonly notBefore: number | undefined
  readonly expiresAt: number | undefined
}

/** A source of secrets. Port: `adapters/azure/key-vault-secret-store.ts` implements it. */
export interface SecretStore {
  /** Whether reads are so cheap that every unknown key may cause one; absent: `ForcedRefresh` limits them. */
  readonly isLocal?: boolean
  /**
   * Fetches the newest version of a secret.
   *
   * @param name    e.g. `iris-primary-key`
   * @param signal  cancels the call; every call has a timeout
   * @returns undefined when there is none, or its newest version is disabled
   * @throws Error when the vault cannot be reached; its message never holds a secret
   */
  fetchSecret(name: string, signal: AbortSignal): Promise<Secret | undefined>
  /**
   * Makes the keys of services that have none; absent: an administrator makes them.
   *
   * @throws StartupError when the keys cannot be read or written
   */
  makeMissingKeys?(services: readonly string[]): Promise<void>
  /** Writes a new version of a secret, and creates the secret if it does not exist. */
  writeSecret(name: string, value: string, signal: AbortSignal): Promise<void>
}
