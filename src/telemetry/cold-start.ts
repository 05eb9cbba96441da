/** How the start of a process is spent, until its first answer. */

/**
 * In order: the process until the app is read (in Azure also its time as a placeholder), reading the bundle, waiting for the host,
 * the start of the app (settings, services, keys), the load of the model, the first answer.
 */
export const startPhases = ['process', 'bundle', 'host', 'app', 'model', 'answer'] as const
export type StartPhase = (typeof startPhases)[number]

/** Milliseconds of each phase. */
export type PhaseTimes = Readonly<Record<StartPhase, number>>

export interface FirstAnswer {
  readonly service: string
  /** When its service had loaded, and when its headers arrived, as `performance.now()`. */
  readonly loadedAt: number
  readonly requestedAt: number
}

/** The phases of this process. They are marked as they end; times are as `performance.now()`. */
export class ColdStart {
  readonly #endedAt = new Map<StartPhase, number>()
  readonly #now: () => number
  #onFirstAnswer: ((times: PhaseTimes, answer: FirstAnswer, spans: PhaseSpans) => void) | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  /** A phase that is marked again keeps its first mark. */
  end(phase: 'process' | 'bundle' | 'host' | 'app'): void {
    if (!this.#endedAt.has(phase)) this.#endedAt.set(phase, this.#now())
  }

  whenAnswered(tell: (times: PhaseTimes, answer: FirstAnswer, spans: PhaseSpans) => void): void {
    this.#onFirstAnswer = tell
  }

  /** Whether there was no answer yet that it could tell of. */
  get isAwaited(): boolean {
    return this.#onFirstAnswer !== undefined
  }

  /** @returns the phases for the first answer; undefined for all others */
  answered(answer: FirstAnswer): PhaseTimes | undefined {
    const tell = this.#onFirstAnswer
    if (!tell) return undefined
    this.#onFirstAnswer = undefined
    const spans = this.#measure(answer)
    const times = Object.fromEntries(
      startPhases.map(phase => [phase, Math.max(0, spans[phase].to - spans[phase].from)]),
    ) as Record<StartPhase, number>
    tell(times, answer, spans)
    return times
  }

  /** What is not marked took no time. Between phases nobody asked for an answer. */
  #measure({ loadedAt, requestedAt }: FirstAnswer): PhaseSpans {
    const process = { from: 0, to: this.#endedAt.get('process') ?? 0 }
    const bundle = { from: process.to, to: this.#endedAt.get('bundle') ?? process.to }
    const host = { from: bundle.to, to: this.#endedAt.get('host') ?? bundle.to }
    const app = { from: host.to, to: this.#endedAt.get('app') ?? host.to }
    const model = { from: app.to, to: Math.max(app.to, loadedAt) }
    return { process, bundle, host, app, model, answer: { from: Math.max(model.to, requestedAt), to: this.#now() } }
  }
}

/** When each phase began and ended. */
export type PhaseSpans = Readonly<Record<StartPhase, { readonly from: number; readonly to: number }>>

/** As members of `Server-Timing` (W3C Server Timing, section 3). */
export function encodePhases(times: PhaseTimes): string {
  return startPhases.map(phase => `start-${phase};dur=${Math.round(times[phase] * 10) / 10}`).join(', ')
}

/** @returns e.g. `[iris] cold start: the first answer took 390 ms (bundle 40, host 30, app 60, model 240, answer 20), 30 ms after its process began` */
export function describePhases(times: PhaseTimes, { service }: FirstAnswer): string {
  const own = startPhases.slice(1)
  const sum = own.reduce((all, phase) => all + times[phase], 0)
  const parts = own.map(phase => `${phase} ${Math.round(times[phase])}`).join(', ')
  return `[${service}] cold start: the first answer took ${Math.round(sum)} ms (${parts}), ${Math.round(times.process)} ms after its process began`
}
