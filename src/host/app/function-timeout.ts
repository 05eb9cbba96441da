import type { Clock } from '../clock.ts'

/** An invocation as the log names it. */
export interface NamedInvocation {
  readonly functionName: string
  readonly invocationId: string
}

interface FunctionTimeoutOptions {
  /** undefined: no limit. */
  readonly limitMs: number | undefined
  readonly clock: Clock
  /** Whether an invocation may be stopped at a break point; none exceeds the limit then. */
  readonly isDebugged: () => boolean
  readonly onExceeded: (invocation: NamedInvocation) => void
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
  readonly #isDebugged: () => boolean
  readonly #onExceeded: (invocation: NamedInvocation) => void
  readonly #startedAt = new Map<NamedInvocation, number>()
  #isWaiting = false

  constructor({ limitMs, clock, isDebugged, onExceeded }: FunctionTimeoutOptions) {
    this.#limitMs = limitMs
    this.#clock = clock
    this.#isDebugged = isDebugged
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
    if (this.#isDebugged()) return this.#wait(limitMs)
    this.end(invocation)
    this.#onExceeded(invocation)
  }
}
