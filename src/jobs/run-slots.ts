/** How many runs read and score rows at a time in this process. When one ends, the services that have the fewest take turns. */
import type { Clock } from '../clock.ts'

interface SlotOptions {
  readonly count: number
  /** Most runs that wait at a time. */
  readonly maxWaiting: number
  readonly clock: Clock
  readonly stopping: AbortSignal
}

interface Waiter {
  readonly service: string
  /** Ends the wait. */
  settle(hasSlot: boolean): void
}

export class RunSlots {
  readonly #options: SlotOptions
  /** Slots taken, by service. */
  readonly #taken = new Map<string, number>()
  readonly #waiters = new Set<Waiter>()

  constructor(options: SlotOptions) {
    this.#options = options
  }

  /** Whether a run could begin, now or after a wait. */
  get isOpen(): boolean {
    return this.#hasFree || this.#waiters.size < this.#options.maxWaiting
  }

  /** Slots that a service has. */
  taken(service: string): number {
    return this.#taken.get(service) ?? 0
  }

  /** @returns whether there was one */
  take(service: string): boolean {
    if (!this.#hasFree) return false
    this.#taken.set(service, this.taken(service) + 1)
    return true
  }

  /** Takes a slot once there is one. @returns false after `maxMs`, when too many wait, or when the app stops */
  async wait(service: string, maxMs: number): Promise<boolean> {
    const { clock, stopping, maxWaiting } = this.#options
    if (this.take(service)) return true
    if (stopping.aborted || this.#waiters.size >= maxWaiting) return false
    return new Promise(resolve => {
      const settle = (hasSlot: boolean) => {
        cancel()
        stopping.removeEventListener('abort', giveUp)
        this.#waiters.delete(waiter)
        resolve(hasSlot)
      }
      const waiter = { service, settle }
      const giveUp = () => settle(false)
      const cancel = clock.after(maxMs, giveUp)
      stopping.addEventListener('abort', giveUp)
      this.#waiters.add(waiter)
    })
  }

  release(service: string): void {
    this.#taken.set(service, this.taken(service) - 1)
    if (this.taken(service) === 0) this.#taken.delete(service)
    const [next] = [...this.#waiters].sort((a, b) => this.taken(a.service) - this.taken(b.service))
    if (next && this.take(next.service)) next.settle(true)
  }

  get #hasFree(): boolean {
    return [...this.#taken.values()].reduce((sum, taken) => sum + taken, 0) < this.#options.count
  }
}
