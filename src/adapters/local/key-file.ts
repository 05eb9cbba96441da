import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseKeySecretName } from '../../auth/key-names.ts'
import type { Secret, SecretStore } from '../../auth/secret-store.ts'
import { makeKey, minKeyLength } from '../../auth/service-key.ts'
import { StartupError } from '../../errors.ts'
import { withFileLock } from './file-lock.ts'

/** The two keys of a service; either opens it. */
interface KeyPair {
  readonly primary: string
  readonly secondary: string
}

/**
 * Holds keys for development in `.local/keys.json`: `{"<service>": {"primary": "…", "secondary": "…"}}`, readable by its
 * user only. It is read again for every unknown key, so a key that is edited there works at its first request.
 */
export class KeyFile implements SecretStore {
  readonly isLocal = true
  readonly #path: string
  /** The change that was begun last: each begins when the one before has ended, so that none is lost. */
  #lastChange: Promise<unknown> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  /**
   * Makes the keys that are missing. They exist nowhere else.
   *
   * @param services  names of the services that are opened by keys
   * @throws StartupError when the file cannot be read, written or understood
   */
  async makeMissingKeys(services: readonly string[]): Promise<void> {
    if (services.length === 0) return // an unused file may be damaged
    await this.#change(keys => {
      const missing = services.filter(service => !keys.has(service))
      for (const service of missing) keys.set(service, newPair())
      return missing.length > 0
    })
  }

  async fetchSecret(name: string): Promise<Secret | undefined> {
    const key = parseKeySecretName(name)
    const pair = key && (await this.#read()).get(key.service)
    if (!pair) return undefined
    return { value: pair[key.type], version: '', isEnabled: true, notBefore: undefined, expiresAt: undefined }
  }

  async writeSecret(name: string, value: string): Promise<void> {
    const key = parseKeySecretName(name)
    if (!key) throw new Error(`"${name}" is not the name of a key: <service>-primary-key or <service>-secondary-key`)
    await this.#change(keys => {
      const pair = keys.get(key.service) ?? newPair()
      keys.set(key.service, { ...pair, [key.type]: value })
      return true
    })
  }

  /** @param edit  changes the keys; returns whether there is something to write */
  #change(edit: (keys: Map<string, KeyPair>) => boolean): Promise<void> {
    const change = this.#lastChange.then(async () => {
      if (!edit(await this.#read())) return
      await this.#locked(async () => {
        const keys = await this.#read()
        if (edit(keys)) await this.#write(keys)
      })
    })
    this.#lastChange = change.catch(() => {})
    return change
  }

  /** Other processes make keys too: the app, and programs that deploy. */
  async #locked(change: () => Promise<void>): Promise<void> {
    try {
      await mkdir(dirname(this.#path), { recursive: true })
      await withFileLock(this.#path, change)
    } catch (cause) {
      if (cause instanceof StartupError) throw cause
      throw new StartupError(`${this.#path} cannot be written: ${(cause as Error).message}`)
    }
  }

  async #read(): Promise<Map<string, KeyPair>> {
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
      throw new StartupError(`${this.#path} cannot be read: ${(cause as Error).message}`)
    }
    const keys = new Map<string, KeyPair>()
    for (const [service, pair] of Object.entries(this.#parse(text))) {
      if (!isKeyPair(pair))
        throw new StartupError(
          `${this.#path}: "${service}" must have a primary and a secondary key of ${minKeyLength} characters or more`,
        )
      keys.set(service, pair)
    }
    return keys
  }

  #parse(text: string): object {
    try {
      const json: unknown = JSON.parse(text)
      if (typeof json === 'object' && json !== null) return json
    } catch {
      // The parser's message would quote the file, which holds keys.
    }
    throw new StartupError(`${this.#path} is not a JSON object; fix it, or delete it to get new keys`)
  }

  /** Replaces the file in one step, so that no reader sees half of it. */
  async #write(keys: ReadonlyMap<string, KeyPair>): Promise<void> {
    const fresh = `${this.#path}.${process.pid}.new`
    await writeFile(fresh, `${JSON.stringify(Object.fromEntries(keys), null, 2)}\n`, { mode: 0o600 })
    await chmod(fresh, 0o600)
    await rename(fresh, this.#path)
  }
}

function newPair(): KeyPair {
  return { primary: makeKey(randomBytes), secondary: makeKey(randomBytes) }
}

function isKeyPair(pair: unknown): pair is KeyPair {
  const { primary, secondary } = (pair ?? {}) as Record<string, unknown>
  return [primary, secondary].every(key => typeof key === 'string' && key.length >= minKeyLength)
}
