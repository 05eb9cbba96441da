import type { Clock } from './clock.ts'
import { type KeySlot, keySecretName, keySlots } from './key-names.ts'
import { KeyRing } from './key-ring.ts'
import { keyTimes } from './key-times.ts'
import type { Secret, SecretStore } from './secret-store.ts'

/** What reading keys needs from outside. */
export interface KeySource {
  readonly store: SecretStore
  readonly clock: Clock
  /** From 0 up to 1. */
  random(): number
  log(line: string): void
}

/** The last read that failed. */
interface ReadFailure {
  /** `timeout`, or the name or code of the error. */
  readonly kind: string
  /** Monotonic. */
  readonly at: number
}

/**
 * Keeps the keys of one service fresh: reads both slots, again before the soft lifetime ends, and after a failure in
 * ever longer intervals. One read at a time, each with a deadline, whatever the store does.
 */
export class KeyReader {
  readonly service: string
  readonly ring: KeyRing
  /** Reads begun so far: a key that came during one may have come too late for it. */
  begun = 0
  lastFailure: ReadFailure | undefined
  #isFailing = false
  #isReadable = true
  readonly #source: KeySource
  readonly #told = new Map<KeySlot, string | undefined>()
  #failuresInRow = 0
  #flight: Promise<boolean> | undefined
  #isAskedAgain = false
  #isStopped = false
  #cancelTimer = () => {}
  #abort = new AbortController()

  constructor(service: string, source: KeySource) {
    this.service = service
    this.ring = new KeyRing(source.clock)
    this.#source = source
  }

  get isReading(): boolean {
    return this.#flight !== undefined
  }

  /** Whether the last read failed. */
  get isFailing(): boolean {
    return this.#isFailing
  }

  /**
   * Reads both slots now, or joins the read that is under way. Never rejects: what fails is kept, logged and tried again.
   *
   * @returns whether a key was found that was not known before
   */
  read(): Promise<boolean> {
    if (this.#isStopped) return Promise.resolve(false)
    this.#flight ??= this.#readBoth().finally(() => {
      this.#flight = undefined
      if (this.#isAskedAgain) {
        this.#isAskedAgain = false
        this.read()
      }
    })
    return this.#flight
  }

  /** The vault says that a key has changed: a read under way may have come before that. */
  readAgain(): void {
    if (this.isReading) this.#isAskedAgain = true
    else this.read()
  }

  stop(): void {
    this.#isStopped = true
    this.#isAskedAgain = false
    this.#cancelTimer()
    this.#abort.abort(new Error('stopped'))
  }

  async #readBoth(): Promise<boolean> {
    const { clock } = this.#source
    this.#cancelTimer()
    this.begun++
    const startedAt = clock.monotonicMs()
    this.#abort = new AbortController()
    const { signal } = this.#abort
    const cancelDeadline = clock.after(keyTimes.read, () => this.#abort.abort(timeout()))
    const results = await Promise.allSettled(keySlots.map(slot => this.#fetch(slot, signal)))
    cancelDeadline()
    if (this.#isStopped) return false
    let isNew = false
    let failure: Error | undefined
    for (const [index, result] of results.entries()) {
      const slot = keySlots[index] as KeySlot
      if (result.status === 'rejected') failure = result.reason as Error
      else {
        isNew = this.ring.put(slot, result.value, startedAt) || isNew
        this.#tellFault(slot)
      }
    }
    this.#settle(failure)
    return isNew
  }

  /** The store is asked to stop at the deadline, and not waited for if it does not. */
  #fetch(slot: KeySlot, signal: AbortSignal): Promise<Secret | undefined> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      const fetch = async () => this.#source.store.fetchSecret(keySecretName(this.service, slot), signal)
      fetch().then(resolve, reject)
    })
  }

  #settle(failure: Error | undefined): void {
    const { clock, random, log } = this.#source
    if (failure) {
      const kind = kindOf(failure)
      const reason = `${failure.message}`.replace(/\s+/g, ' ').slice(0, 300)
      if (!this.#isFailing) log(`[${this.service}] keys cannot be read (${kind}): ${reason}; trying again`)
      this.lastFailure = { kind, at: clock.monotonicMs() }
      const longest = Math.min(keyTimes.lastRetry, keyTimes.firstRetry * 2 ** Math.min(this.#failuresInRow++, 16))
      this.#readIn(longest * (0.5 + random() / 2))
    } else {
      if (this.#isFailing) log(`[${this.service}] keys can be read again`)
      this.#failuresInRow = 0
      // Earlier than it must be, by chance: instances that started together do not ask together.
      this.#readIn(keyTimes.soft * (0.8 + random() * 0.15))
    }
    this.#isFailing = failure !== undefined
    const { isReadable } = this.ring
    if (this.#isReadable && !isReadable) log(`[${this.service}] no caller can be let in now: every request gets a 503`)
    this.#isReadable = isReadable
  }

  #readIn(ms: number): void {
    this.#cancelTimer = this.#source.clock.after(ms, () => this.read())
  }

  /** Once, when it becomes so. */
  #tellFault(slot: KeySlot): void {
    const fault = this.ring.faultOf(slot)
    const { log } = this.#source
    const name = keySecretName(this.service, slot)
    if (fault !== this.#told.get(slot)) log(`[${this.service}] secret ${name} ${fault ?? 'is a key again'}`)
    this.#told.set(slot, fault)
  }
}

function timeout(): Error {
  const error = new Error(`no answer within ${keyTimes.read} ms`)
  error.name = 'timeout'
  return error
}

/** Short and without surprises: it is shown on the health page. */
function kindOf(error: Error & { code?: unknown }): string {
  const kind = typeof error.code === 'string' && error.code !== '' ? error.code : error.name
  return /^[\w.-]{1,64}$/.test(kind) ? kind : 'Error'
}
