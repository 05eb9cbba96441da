import type { Clock } from '../../src/clock.ts'
import type { Queue } from '../../src/host/queue/queue.ts'

export type Fault = 'none' | 'before' | 'after'

/** A process that can be killed: its timers and its calls to storage come to nothing then. */
export class MortalHost {
  readonly clock: Clock
  readonly #faults: Iterator<Fault> | undefined
  #isAlive = true

  /** @param faults  what becomes of each call: it fails before or after it took effect */
  constructor(clock: Clock, faults?: Iterable<Fault>) {
    this.#faults = faults?.[Symbol.iterator]()
    this.clock = {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      after: (ms, callback) => clock.after(ms, () => this.#isAlive && callback()),
    }
  }

  die(): void {
    this.#isAlive = false
  }

  reach(queue: Queue): Queue {
    return {
      name: queue.name,
      receive: (...args) => this.#call(() => queue.receive(...args)),
      hide: (...args) => this.#call(() => queue.hide(...args)),
      delete: (...args) => this.#call(() => queue.delete(...args)),
      send: (...args) => this.#call(() => queue.send(...args)),
    }
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    const fault = this.#faults?.next().value ?? 'none'
    if (!this.#isAlive) return new Promise(() => {})
    if (fault === 'before') throw new Error('storage failed with 503 ServerBusy')
    const result = await call()
    if (!this.#isAlive) return new Promise(() => {})
    if (fault === 'after') throw new Error('storage failed with ECONNRESET')
    return result
  }
}
