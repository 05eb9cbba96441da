/** A secret as its vault holds it. Whether it may be used now is for the reader to decide: vaults hand out expired ones too. */
export interface Secret {
  readonly value: string
  /** Name of this version of the secret. */
  readonly version: string
  readonly isEnabled: boolean
  /** Milliseconds since 1970; undefined: no such limit. */
  readonly notBefore: number | undefined
  readonly expiresAt: number | undefined
}

/** Where secrets come from. Port: `adapters/azure/key-vault-secret-store.ts` implements it. */
export interface SecretStore {
  /** Asking costs next to nothing, so that every unknown key is looked for; absent: they take turns (`ForcedRefresh`). */
  readonly isLocal?: boolean
  /**
   * The newest version of a secret.
   *
   * @param name    e.g. `iris-primary-key`
   * @param signal  ends the call; every call has a deadline
   * @returns undefined when there is none, or its newest version is disabled
   * @throws Error when the vault cannot be asked now; its message holds no secret
   */
  fetchSecret(name: string, signal: AbortSignal): Promise<Secret | undefined>
  /** Writes a new version of a secret, which becomes the newest; makes the secret when there is none. */
  writeSecret(name: string, value: string, signal: AbortSignal): Promise<void>
}
