import type { Clock } from '../clock.ts'
import { type KeyType, keySecretName, keyTypes } from './key-names.ts'
import { KeyRing } from './key-ring.ts'
import { keyTimes } from './key-times.ts'
import type { Secret, SecretStore } from './secret-store.ts'

/** The dependencies of reading keys. */
export interface KeySource {
  readonly store: SecretStore
  readonly clock: Clock
  /** A random number from 0 (inclusive) to 1 (exclusive). */
  random(): number
  log(line: string): void
}

/** What the reads of all services tell of their vault. */
export interface VaultState {
  /** Whether the read that ended last got an answer; false before the first one. */
  isAnswering: boolean
}

/** The failure of the last read that failed. */
interface ReadFailure {
  /** `timeout`, or the name or code of the error. */
  readonly kind: string
  /** When it failed (monotonic). */
  readonly at: number
}

/**
 * Keeps the keys of one service fresh: reads both secrets, reads them again before `refreshAfterMs` has passed, and backs
 * off after a failure. Only one read runs at a time, and each has a timeout whatever the store does.
 */
export class KeyReader {
  readonly service: string
  readonly ring: KeyRing
  /** Number of reads started so far: a key that was set during a read may have been missed by it. */
  startedCount = 0
  lastFailure: ReadFailure | undefined
  #isFailing = false
  #isReadable = true
  #hasEnded = false
  readonly #source: KeySource
  readonly #vault: VaultState
  readonly #loggedFaults = new Map<KeyType, string | undefined>()
  #failuresInRow = 0
  #reading: Promise<boolean> | undefined
  #isStale = false
  #isStopped = false
  #cancelTimer = () => {}
  #abort = new AbortController()

  constructor(service: string, source: KeySource, vault: VaultState) {
    this.service = service
    this.#vault = vault
    this.ring = new KeyRing(source.clock)
    this.#source = source
  }

  get isReading(): boolean {
    return this.#reading !== undefined
  }

  /** Whether the keys can be checked, or could be if they were read: no read has ended yet. */
  get isReady(): boolean {
    return this.#hasEnded ? this.ring.isReadable : this.#vault.isAnswering
  }

  /** Whether the last read failed. */
  get isFailing(): boolean {
    return this.#isFailing
  }

  /**
   * Reads both secrets now, or joins the read in progress. Never rejects: a failure is logged and the read is retried.
   *
   * @returns whether a new key was found
   */
  read(): Promise<boolean> {
    if (this.#isStopped) return Promise.resolve(false)
    this.#reading ??= this.#readBoth().finally(() => {
      this.#reading = undefined
      if (this.#isStale) {
        this.#isStale = false
        this.read()
      }
    })
    return this.#reading
  }

  /** Reads because the vault reports a change, which a read in progress may have missed. */
  readAgain(): void {
    if (this.isReading) this.#isStale = true
    else this.read()
  }

  stop(): void {
    this.#isStopped = true
    this.#isStale = false
    this.#cancelTimer()
    this.#abort.abort(new Error('stopped'))
  }

  async #readBoth(): Promise<boolean> {
    const { clock } = this.#source
    this.#cancelTimer()
    this.startedCount++
    const startedAt = clock.monotonicMs()
    this.#abort = new AbortController()
    const { signal } = this.#abort
    const cancelDeadline = clock.after(keyTimes.readTimeoutMs, () => this.#abort.abort(timeout()))
    const results = await Promise.allSettled(keyTypes.map(type => this.#fetch(type, signal)))
    cancelDeadline()
    if (this.#isStopped) return false
    let isNew = false
    let failure: Error | undefined
    for (const [index, result] of results.entries()) {
      const type = keyTypes[index] as KeyType
      if (result.status === 'rejected') failure = result.reason as Error
      else {
        isNew = this.ring.put(type, result.value, startedAt) || isNew
        this.#logFault(type)
      }
    }
    this.#settle(failure)
    return isNew
  }

  /** Rejects at the timeout, even if the store ignores the signal. */
  #fetch(type: KeyType, signal: AbortSignal): Promise<Secret | undefined> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      const fetch = async () => this.#source.store.fetchSecret(keySecretName(this.service, type), signal)
      fetch().then(resolve, reject)
    })
  }

  #settle(failure: Error | undefined): void {
    const { clock, random, log } = this.#source
    if (failure) {
      const kind = failureKind(failure)
      const reason = `${failure.message}`.replace(/\s+/g, ' ').slice(0, 300)
      if (!this.#isFailing) log(`[${this.service}] the keys cannot be read (${kind}): ${reason}; retrying`)
      this.lastFailure = { kind, at: clock.monotonicMs() }
      const longest = Math.min(
        keyTimes.maxRetryDelayMs,
        keyTimes.firstRetryDelayMs * 2 ** Math.min(this.#failuresInRow++, 16),
      )
      this.#readIn(longest * (0.5 + random() / 2))
    } else {
      if (this.#isFailing) log(`[${this.service}] the keys can be read again`)
      this.#failuresInRow = 0
      // A random part of the interval, so that instances that started together do not read together.
      this.#readIn(keyTimes.refreshAfterMs * (0.8 + random() * 0.15))
    }
    this.#hasEnded = true
    this.#isFailing = failure !== undefined
    this.#vault.isAnswering = failure === undefined
    const { isReadable } = this.ring
    if (this.#isReadable && !isReadable)
      log(`[${this.service}] no key is usable now: every request is answered with 503`)
    this.#isReadable = isReadable
  }

  #readIn(ms: number): void {
    this.#cancelTimer = this.#source.clock.after(ms, () => this.read())
  }

  /** Logs the fault of a secret once, and its end. */
  #logFault(type: KeyType): void {
    const fault = this.ring.fault(type)
    const { log } = this.#source
    const name = keySecretName(this.service, type)
    if (fault !== this.#loggedFaults.get(type))
      log(`[${this.service}] secret ${name} ${fault ?? 'is a valid key again'}`)
    this.#loggedFaults.set(type, fault)
  }
}

function timeout(): Error {
  const error = new Error(`no answer within ${keyTimes.readTimeoutMs} ms`)
  error.name = 'timeout'
  return error
}

/** The code or name of an error, for the health page: short and of safe characters. */
function failureKind(error: Error & { code?: unknown }): string {
  const kind = typeof error.code === 'string' && error.code !== '' ? error.code : error.name
  return /^[\w.-]{1,64}$/.test(kind) ? kind : 'Error'
}
