/** The keys of a workspace: in a vault, or those of this machine. */
import { randomBytes } from 'node:crypto'
import { KeyManagement } from '../auth/key-management.ts'
import { type KeyType, keyTypes } from '../auth/key-names.ts'
import type { Secret, SecretStore } from '../auth/secret-store.ts'
import type { ServiceKeys } from '../client/workspace.ts'
import { WorkspaceError } from '../client/workspace-error.ts'

const timeoutMs = 30_000

export class WorkspaceKeys {
  readonly #open: () => Promise<SecretStore>
  #store: Promise<SecretStore> | undefined

  /** @param open  called when keys are needed; rejects with the reason when there are none */
  constructor(open: () => Promise<SecretStore>) {
    this.#open = open
  }

  async get(service: string, signal = AbortSignal.timeout(timeoutMs)): Promise<ServiceKeys> {
    const management = await this.#management()
    try {
      const { primary, secondary } = await management.listKeys(service, signal)
      return { primary: enabledValue(primary), secondary: enabledValue(secondary) }
    } catch (cause) {
      throw asWorkspaceError(cause)
    }
  }

  /** @returns the new key */
  async regenerate(
    key: { readonly service: string; readonly type: string; readonly value?: string },
    signal = AbortSignal.timeout(timeoutMs),
  ): Promise<string> {
    const management = await this.#management()
    try {
      return await management.regenKey(key, signal)
    } catch (cause) {
      throw asWorkspaceError(cause)
    }
  }

  /** Makes the keys that a service does not have yet, and writes those that are given. */
  async ensure(
    service: string,
    given: { readonly primaryKey?: string | undefined; readonly secondaryKey?: string | undefined },
  ): Promise<void> {
    const store = await this.#opened()
    if (store.makeMissingKeys) await store.makeMissingKeys([service])
    const keys = await this.get(service)
    const values: Record<KeyType, string | undefined> = { primary: given.primaryKey, secondary: given.secondaryKey }
    for (const type of keyTypes) {
      const value = values[type]
      if (value === undefined ? keys[type] !== undefined : keys[type] === value) continue
      await this.regenerate({ service, type, ...(value !== undefined && { value }) })
    }
  }

  async #management(): Promise<KeyManagement> {
    return new KeyManagement(await this.#opened(), randomBytes)
  }

  #opened(): Promise<SecretStore> {
    this.#store ??= this.#open()
    const opening = this.#store
    opening.catch(() => {
      if (this.#store === opening) this.#store = undefined
    })
    return opening
  }
}

function enabledValue(secret: Secret | undefined): string | undefined {
  return secret?.isEnabled ? secret.value : undefined
}

/** Failures of a vault, and of a name or a key that is none; no message holds a key. */
function asWorkspaceError(cause: unknown): unknown {
  return cause instanceof Error ? new WorkspaceError(cause.message, { cause }) : cause
}
