import type { Secret, SecretStore } from '../../src/auth/secret-store.ts'
import type { Clock } from '../../src/clock.ts'

/** A vault in memory that can be slow or down, or hang, even against its signal. */
export class MemorySecretStore implements SecretStore {
  state: 'up' | 'down' | 'hanging' = 'up'
  /** Time until an answer, which has the state at the time of the call. */
  latencyMs = 0
  /** Monotonic time of every call. */
  readonly calls: { readonly name: string; readonly at: number }[] = []
  readonly #secrets = new Map<string, Secret>()
  readonly #clock: Clock
  #versions = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  put(name: string, value: string, limits: Partial<Secret> = {}): void {
    const version = `v${++this.#versions}`
    this.#secrets.set(name, { value, version, isEnabled: true, notBefore: undefined, expiresAt: undefined, ...limits })
  }

  delete(name: string): void {
    this.#secrets.delete(name)
  }

  async fetchSecret(name: string): Promise<Secret | undefined> {
    this.calls.push({ name, at: this.#clock.monotonicMs() })
    const [state, secret] = [this.state, this.#secrets.get(name)]
    if (state === 'hanging') return new Promise(() => {})
    if (this.latencyMs > 0) await new Promise<void>(resolve => this.#clock.after(this.latencyMs, resolve))
    if (state === 'down') throw Object.assign(new Error('the vault is down'), { code: 'ECONNRESET' })
    return secret
  }

  async writeSecret(name: string, value: string): Promise<void> {
    this.put(name, value)
  }
}
