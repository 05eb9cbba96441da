import type { RotationKeys, SeededPair } from './check.ts'
import type { CkksContext, Polynomials } from './context.ts'
import { degree, main, middle, type RotationStep, rotationSteps, spare, special } from './parameters.ts'

/** A client's keys as they are multiplied with: seeds expanded, and without what is not used. */
export interface PreparedKeys {
  readonly bytes: number
  /** For rotations of what is left of a request at main: polynomial 0 at main and special, polynomial 1 at main and special. */
  readonly rotations: ReadonlyMap<RotationStep, Polynomials>
  /**
   * For the rotation of a request by one slot: keys for its remainders of main, and for those of middle. Each is polynomial 0 at
   * main, middle and special, and polynomial 1 at main, middle and special.
   */
  readonly request: readonly [Polynomials, Polynomials]
}

export function prepareKeys(context: CkksContext, keys: RotationKeys): PreparedKeys {
  const { c0, c1 } = context.scratch
  const expand = ({ words, seed }: SeededPair): void => {
    context.seed(seed, c1.main)
    const { uniform63 } = context.kernel.functions
    uniform63(c1.main, degree, main.q)
    uniform63(c1.middle, degree, middle.q)
    uniform63(0, degree, spare.q)
    uniform63(c1.special, degree, special.q)
    context.load(words, c0.main, c0.middle)
    context.load(words.subarray(3 * degree), c0.special)
  }
  const pairs = (step: RotationStep) => keys.get(step) as readonly SeededPair[]
  const request = [0, 1].map(part => {
    expand(pairs(1)[part] as SeededPair)
    return context.save(c0.main, c0.middle, c0.special, c1.main, c1.middle, c1.special)
  }) as [Polynomials, Polynomials]
  const rotations = new Map(
    rotationSteps.map(step => {
      expand(pairs(step)[0] as SeededPair)
      return [step, context.save(c0.main, c0.special, c1.main, c1.special)]
    }),
  )
  const all = [...request, ...rotations.values()]
  return { bytes: all.reduce((sum, polynomials) => sum + polynomials.byteLength, 0), rotations, request }
}

/** Polynomials of `request`, and of each of `rotations`. */
const requestPolynomials = 6
const rotationPolynomials = 4

/** Of all prepared keys. */
export const preparedKeyBytes = (2 * requestPolynomials + rotationSteps.length * rotationPolynomials) * degree * 8

/** Copies prepared keys into memory of `preparedKeyBytes`, which threads may share. */
export function writePreparedKeys({ request, rotations }: PreparedKeys, target: SharedArrayBuffer): void {
  const words = new BigUint64Array(target)
  let at = 0
  for (const polynomials of [...request, ...rotationSteps.map(step => rotations.get(step) as Polynomials)]) {
    words.set(polynomials, at)
    at += polynomials.length
  }
}

/** Views what `writePreparedKeys` wrote. */
export function viewPreparedKeys(memory: SharedArrayBuffer): PreparedKeys {
  let at = 0
  const next = (polynomialCount: number) => {
    const words = new BigUint64Array(memory, at, polynomialCount * degree)
    at += words.byteLength
    return words
  }
  const request = [next(requestPolynomials), next(requestPolynomials)] as const
  const rotations = new Map(rotationSteps.map(step => [step, next(rotationPolynomials)]))
  return { bytes: preparedKeyBytes, rotations, request }
}
