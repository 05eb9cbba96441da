import { seededRandom } from '../../support/seeded-random.ts'

/** Chance that can be had again: the same seed gives the same throws. */
export class Dice {
  /** From 0, up to but not with 1. */
  readonly next: () => number

  constructor(seed: number) {
    this.next = seededRandom(seed)
  }

  /** A whole number, both ends included. */
  from(lowest: number, highest: number): number {
    return lowest + Math.floor(this.next() * (highest - lowest + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.from(0, choices.length - 1)] as T
  }

  /** Dice of its own for a part whose throws must not depend on how far others are. */
  fork(): Dice {
    return new Dice(this.from(0, 2 ** 32 - 1))
  }
}
