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
    if (this.isOver || !isAimedAt) return 'happens'
    const rate = aim === 'scoring' ? 0.4 : this.#scenario.rate
    if (this.kills < kills && this.#random.isTrue(rate / 2)) {
      this.kills++
      return this.#random.pick(['dies before', 'dies after'])
    }
    if (this.faults < faults && this.#random.isTrue(rate)) {
      this.faults++
      if (name === 'score') return 'fails before'
      // The client knows a blob that its first try has written. Were it another's all the same, a sweep would go on.
      const isKnown = !this.#scenario.hasSweeper && (name === 'create' || name === 'replace')
      return this.#random.pick(['fails before', 'fails after', ...(isKnown ? [] : (['is tried twice'] as const))])
    }
    return 'happens'
  }
}
