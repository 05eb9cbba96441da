import type { Call } from './job-process.ts'
import type { Random } from './random.ts'
import type { Scenario } from './scenario.ts'

export type Fate = 'happens' | 'dies before' | 'dies after' | 'fails before' | 'fails after' | 'is tried twice'

/** Decides the outcome of calls while faults and kills are left. */
export class Fates {
  faults = 0
  kills = 0
  isOver = false
  readonly #scenario: Scenario
  readonly #random: Random

  constructor(scenario: Scenario, random: Random) {
    this.#scenario = scenario
    this.#random = random
  }

  /** A storage client tries twice when the connection breaks after the call took effect. */
  of({ name, target }: Call): Fate {
    const { faults, kills, aim } = this.#scenario
    const isAimedAt = aim === 'anywhere' || name === 'score' || target.includes('/careful/')
    if (this.isOver || !isAimedAt || this.#isLeftToSweeper({ name, target })) return 'happens'
    const rate = aim === 'scoring' ? 0.4 : this.#scenario.rate
    if (this.kills < kills && this.#random.isTrue(rate / 2)) {
      this.kills++
      return this.#random.pick(['dies before', 'dies after'])
    }
    if (this.faults < faults && this.#random.isTrue(rate)) {
      this.faults++
      if (name === 'score') return 'fails before'
      // A process whose result was created by its first try takes it for that of another one, and leaves what follows to the sweeper.
      const isSeen = this.#scenario.hasSweeper
      return this.#random.pick(['fails before', 'fails after', ...(isSeen ? (['is tried twice'] as const) : [])])
    }
    return 'happens'
  }

  /**
   * Whether only a sweep goes on after a fault of this call: where a planner fails between the first part of the plan and the first
   * messages, and where neither the step that finishes a job succeeds nor its message is sent.
   */
  #isLeftToSweeper({ name, target }: Pick<Call, 'name' | 'target'>): boolean {
    const { hasSweeper, window } = this.#scenario
    if (hasSweeper) return false
    if (name === 'create') return target.includes('/plan/')
    if (name !== 'send') return false
    return target.includes('finish') || Number(/chunk\/(\d+)$/.exec(target)?.[1]) < window
  }
}
