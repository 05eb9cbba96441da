import type { Clock } from '../clock.ts'
import type { BlobLease } from '../storage/host-blobs.ts'

export interface SingletonOptions {
  /** @returns undefined when another host has it */
  readonly lease: () => Promise<BlobLease | undefined>
  readonly leaseMs: number
  /** How often a host that does not hold it asks for it. */
  readonly pollMs: number
  readonly clock: Clock
  /** What only one of all hosts does. */
  readonly work: { start(): Promise<void>; stop(): Promise<void> }
  readonly warn: (text: string) => void
}

/**
 * Does something in one of all hosts on the same storage: in the one that holds a lease. A host that was killed holds it
 * until it runs out. (webjobs-sdk SingletonManager, SingletonListener)
 */
export class Singleton {
  readonly #options: SingletonOptions
  #isStopping = false
  #endPause: () => void = () => {}
  #loop: Promise<void> = Promise.resolve()

  constructor(options: SingletonOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop = this.#run()
  }

  /** Waits for the work to stop, and lets another host have it. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#endPause()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { lease, leaseMs, pollMs, clock, warn } = this.#options
    let isReachable = true
    while (!this.#isStopping) {
      try {
        const askedAt = clock.monotonicMs()
        const held = await lease()
        if (held) await this.#workWith(held, askedAt + leaseMs)
        isReachable = true
      } catch (error) {
        if (isReachable) warn(`it does not run: ${(error as Error).message}. Trying again and again.`)
        isReachable = false
      }
      await this.#pause(pollMs)
    }
  }

  /** @returns when the lease is lost, or the host stops */
  async #workWith(held: BlobLease, goodUntil: number): Promise<void> {
    const { work, warn } = this.#options
    try {
      if (this.#isStopping) return
      await work.start()
      await this.#keep(held, goodUntil)
    } finally {
      await work.stop()
      await held.release().catch(error => warn(`its lock is not given back: ${error.message}`))
    }
  }

  /** Renews at half time, and every second after a failure until the lease must have run out. */
  async #keep(held: BlobLease, firstEnd: number): Promise<void> {
    const { leaseMs, clock, warn } = this.#options
    let goodUntil = firstEnd
    let waitMs = leaseMs / 2
    for (;;) {
      await this.#pause(waitMs)
      if (this.#isStopping) return
      const askedAt = clock.monotonicMs()
      const isOurs = await held.renew().catch(() => undefined)
      if (isOurs) {
        goodUntil = askedAt + leaseMs
        waitMs = leaseMs / 2
      } else if (isOurs === false || clock.monotonicMs() >= goodUntil) {
        warn('its lock is lost; another host may run it now.')
        return
      } else waitMs = 1000
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#isStopping) return
    await new Promise<void>(resolve => {
      const cancel = this.#options.clock.after(ms, resolve)
      this.#endPause = () => {
        cancel()
        resolve()
      }
    })
  }
}
