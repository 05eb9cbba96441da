import type { Clock } from '../clock.ts'

/** An invocation as the log names it. */
export interface NamedInvocation {
  readonly functionName: string
  readonly invocationId: string
}

/** The longest that a timer of Node can wait. */
const maxTimerMs = 2 ** 31 - 1

/**
 * Reports an invocation that runs longer than host.json allows (`functionTimeout`). One timer serves all of them, because the
 * map holds them in the order in which they began.
 */
export class FunctionTimeout {
  readonly #limitMs: number | undefined
  readonly #clock: Clock
  readonly #onExceeded: (invocation: NamedInvocation) => void
  readonly #startedAt = new Map<NamedInvocation, number>()
  #isWaiting = false

  /** @param limitMs  undefined: no limit */
  constructor(limitMs: number | undefined, clock: Clock, onExceeded: (invocation: NamedInvocation) => void) {
    this.#limitMs = limitMs
    this.#clock = clock
    this.#onExceeded = onExceeded
  }

  begin(invocation: NamedInvocation): void {
    if (this.#limitMs === undefined) return
    this.#startedAt.set(invocation, this.#clock.monotonicMs())
    if (!this.#isWaiting) this.#wait(this.#limitMs)
  }

  end(invocation: NamedInvocation): void {
    this.#startedAt.delete(invocation)
  }

  #wait(ms: number): void {
    this.#isWaiting = true
    this.#clock.after(Math.min(ms, maxTimerMs), () => this.#check(this.#limitMs as number))
  }

  #check(limitMs: number): void {
    this.#isWaiting = false
    const [oldest] = this.#startedAt
    if (!oldest) return
    const [invocation, startedAt] = oldest
    const leftMs = startedAt + limitMs - this.#clock.monotonicMs()
    if (leftMs > 0) return this.#wait(leftMs)
    this.end(invocation)
    this.#onExceeded(invocation)
  }
}
