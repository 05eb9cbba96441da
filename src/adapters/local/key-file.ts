import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeKey } from '../../auth/make-key.ts'
import type { KeyPair, KeyStore } from '../../auth/service-keys.ts'
import { StartupError } from '../../errors.ts'

/** Keys for development in `.local/keys.json`: `{"<service>": {"primary": "…", "secondary": "…"}}`, readable by its owner only. */
export class KeyFile implements KeyStore {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /**
   * Makes the keys that are missing, once: the file is the only place that knows them.
   *
   * @throws StartupError when the file cannot be read, written or understood
   */
  async fetchKeys(services: readonly string[]): Promise<ReadonlyMap<string, KeyPair>> {
    const keys = await this.#read()
    const missing = services.filter(service => !keys.has(service))
    for (const service of missing) keys.set(service, { primary: makeKey(randomBytes), secondary: makeKey(randomBytes) })
    if (missing.length > 0) await this.#write(keys)
    return keys
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
          `${this.#path}: "${service}" must have a primary and a secondary key of 32 characters or more`,
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
    throw new StartupError(`${this.#path} is not a JSON object; mend it, or delete it to get new keys`)
  }

  /** In one step, so that no reader sees half a file. */
  async #write(keys: ReadonlyMap<string, KeyPair>): Promise<void> {
    const fresh = `${this.#path}.${process.pid}.new`
    try {
      await mkdir(dirname(this.#path), { recursive: true })
      await writeFile(fresh, `${JSON.stringify(Object.fromEntries(keys), null, 2)}\n`, { mode: 0o600 })
      await chmod(fresh, 0o600)
      await rename(fresh, this.#path)
    } catch (cause) {
      throw new StartupError(`${this.#path} cannot be written: ${(cause as Error).message}`)
    }
  }
}

function isKeyPair(pair: unknown): pair is KeyPair {
  const { primary, secondary } = (pair ?? {}) as Record<string, unknown>
  return [primary, secondary].every(key => typeof key === 'string' && key.length >= 32)
}
