import type { ColdStart, PhaseTimes } from '../telemetry/cold-start.ts'

/** The first answer of a process, as far as one service may give it: it tells when that service had loaded. */
export class AwaitedAnswer {
  readonly #service: string
  readonly #coldStart: ColdStart | undefined
  #loadedAt = 0

  /** @param coldStart  undefined: nobody asks how long the first answer took */
  constructor(service: string, coldStart: ColdStart | undefined) {
    this.#service = service
    this.#coldStart = coldStart
  }

  /** A later load changes nothing. */
  markLoaded(): void {
    this.#loadedAt ||= performance.now()
  }

  /** @returns the phases of the start, for the first answer of the process; undefined for all others */
  answered(requestedAt: number): PhaseTimes | undefined {
    if (!this.#coldStart?.isAwaited) return undefined
    return this.#coldStart.answered({ service: this.#service, loadedAt: this.#loadedAt, requestedAt })
  }
}
