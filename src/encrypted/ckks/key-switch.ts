import type { CkksContext, Extended, Polynomials } from './context.ts'
import { degree, type RotationStep } from './parameters.ts'
import type { PreparedKeys } from './prepared-keys.ts'

/** Addresses of one polynomial at main and special, which is going to be divided by special. */
export type Divisible = Pick<Extended, 'main' | 'special'>

/**
 * Rotates what is at main. The second polynomial's coefficients are digits, which are multiplied with a key modulo main * special;
 * the result is divided by special. The first polynomial is kept times special and divided when a reply is written.
 */
export class KeySwitch {
  readonly #context: CkksContext
  readonly #key: { readonly c0: Divisible; readonly c1: Divisible }
  readonly #temporary: number
  #indices = 0

  constructor(context: CkksContext) {
    this.#context = context
    this.#key = { c0: context.allocate(), c1: context.allocate() }
    this.#temporary = context.main.allocate()
  }

  /** Chooses the rotation of the calls that follow. */
  load(step: RotationStep, keys: PreparedKeys): void {
    const { c0, c1 } = this.#key
    const polynomials = keys.rotations.get(step) as Polynomials
    this.#context.load(polynomials, c0.main, c0.special, c1.main, c1.special)
    this.#indices = this.#context.indices[step]
  }

  /** The first polynomial: target = c0 rotated, plus c0 if `keep` says so, plus what the digits add. */
  rotateFirst(target: Divisible, c0: Divisible, keep: boolean, digits: Divisible): void {
    const { main, special } = this.#context
    const key = this.#key.c0
    main.rotateAdd(target.main, c0.main, keep, digits.main, key.main, this.#indices)
    special.rotateAdd(target.special, c0.special, keep, digits.special, key.special, this.#indices)
  }

  /** The second polynomial as points, times special. */
  rotateSecond(target: Divisible, digits: Divisible): void {
    const { main, special } = this.#context
    const key = this.#key.c1
    main.multiplyRotated(target.main, digits.main, key.main, this.#indices)
    special.multiplyRotated(target.special, digits.special, key.special, this.#indices)
  }

  /** Points at main and special become coefficients, those at main over special. */
  divideToCoefficients(points: Divisible): void {
    const { main, special } = this.#context
    main.toCoefficients(points.main)
    special.toCoefficients(points.special)
    this.divideCoefficients(points)
  }

  /** Coefficients at main become those over special. */
  divideCoefficients(coefficients: Divisible): void {
    const { main, special, overSpecial } = this.#context
    main.convert(this.#temporary, coefficients.special, special)
    main.subtractScale(coefficients.main, this.#temporary, overSpecial)
  }

  /**
   * Points at main become those over special; those at special become coefficients.
   *
   * @param bias  added to coefficients 0 and n/2, times -special
   */
  dividePoints(points: Divisible, bias: readonly [bigint, bigint] = [0n, 0n]): void {
    const { kernel, main, special, overSpecial } = this.#context
    special.toCoefficients(points.special)
    main.convert(this.#temporary, points.special, special)
    const words = kernel.words(this.#temporary, degree)
    words[0] = ((words[0] as bigint) + bias[0]) % main.q
    words[degree / 2] = ((words[degree / 2] as bigint) + bias[1]) % main.q
    main.toPoints(this.#temporary)
    main.subtractScale(points.main, this.#temporary, overSpecial)
  }
}
