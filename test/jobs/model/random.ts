import { seededRandom } from '../../support/seeded-random.ts'

/** Pseudo-random choices, the same for the same seed. */
export class Random {
  /** From 0 up to but not including 1. */
  readonly next: () => number

  constructor(seed: number) {
    this.next = seededRandom(seed)
  }

  isTrue(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.next() * values.length)] as T
  }
}
