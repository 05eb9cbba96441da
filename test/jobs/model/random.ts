import { seededRandom } from '../../support/seeded-random.ts'

/** Choices that look random and are the same for the same seed. */
export class Random {
  /** From 0 up to but not with 1. */
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
