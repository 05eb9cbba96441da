import type { Kernel } from '../kernel.ts'
import type { LinearWeights } from '../linear-weights.ts'
import { Ring } from '../ring.ts'
import { checkFields, checkWords, refusal } from '../seal-fields.ts'
import { modulo, readDot, scaleUp } from './integers.ts'
import {
  degree,
  droppedBits,
  locateScore,
  minors,
  parameterId,
  polynomialCount,
  prime,
  requestBytes,
  requestFields,
  seedBytes,
} from './layout.ts'
import { type BfvPlan, type FeatureRange, planCoefficients } from './plan.ts'

/** A linear model as requests are multiplied with it. */
export interface BfvModel {
  readonly bytes: number
  readonly plan: BfvPlan
  /** What requests must be encrypted for, in hexadecimal digits. */
  readonly parameterId: string
  /** For each polynomial its coefficients, and its points as factors. */
  readonly polynomials: readonly { readonly coefficients: BigInt64Array; readonly points: BigUint64Array }[]
  /** What is added to the score of each class, modulo the prime. */
  readonly bias: readonly bigint[]
}

/** An encrypted request: the words of the first polynomial, and the seed of the second. */
export interface BfvRequest {
  readonly words: BigUint64Array
  readonly seed: Uint8Array
}

/** Encrypted scores. */
export interface BfvReply {
  /** A coefficient of the first polynomial for each class. */
  readonly scores: BigUint64Array
  /** All coefficients of the second polynomials, in `wordBytes` bytes each. */
  readonly polynomials: Uint8Array
}

/**
 * Checks an encrypted request, as our client and SEAL 4.1 to 4.4 write it.
 *
 * @param bytes  the body, or what the base64 of `data` is
 * @throws ScoringError INPUT_INVALID, which says what is wrong
 */
export function checkRequest(bytes: Uint8Array, id: string, subject = 'data'): BfvRequest {
  if (bytes.length !== requestBytes)
    throw refusal(subject, `it has ${bytes.length} bytes, an encrypted request has ${requestBytes}`)
  const minor = bytes[4] as number
  const { head, tail } = requestFields(id, minors.includes(minor) ? minor : (minors[0] as number))
  const start = checkFields(bytes, 0, head, subject)
  const end = start + degree * 8
  const seedAt = checkFields(bytes, end, tail, subject)
  const words = checkWords(bytes.subarray(start, end), [prime.q], degree, subject)
  return { words, seed: bytes.slice(seedAt, seedAt + seedBytes) }
}

/**
 * Scores requests with linear models, without keys and without noise in the scores: a product of polynomials has scores among its
 * coefficients (Cheetah, USENIX Security 2022). Nothing here is secret or random.
 */
export class BfvEngine {
  readonly #kernel: Kernel
  readonly #ring: Ring
  readonly #c0: number
  readonly #c1: number
  readonly #product: number
  readonly #weights: number

  constructor(kernel: Kernel) {
    this.#kernel = kernel
    this.#ring = new Ring(kernel, degree, prime)
    this.#c0 = this.#ring.allocate()
    this.#c1 = this.#ring.allocate()
    this.#product = this.#ring.allocate()
    this.#weights = kernel.allocate(degree * 8 + 8)
  }

  /** @throws ServiceLoadError when the model does not fit, with the numbers */
  prepareModel(model: LinearWeights, range: FeatureRange): BfvModel {
    const plan = planCoefficients(model, range)
    const polynomials = Array.from({ length: polynomialCount(plan) }, (_, number) => {
      const coefficients = encodeWeights(model, plan, number)
      const words = this.#kernel.words(this.#weights, degree).fill(0n)
      coefficients.forEach((value, index) => {
        words[index] = value < 0n ? value + prime.q : value
      })
      this.#ring.toPoints(this.#weights)
      return { coefficients, points: this.#kernel.words(this.#weights, degree).slice() }
    })
    return {
      bytes: polynomials.reduce(
        (sum, { coefficients, points }) => sum + coefficients.byteLength + points.byteLength,
        0,
      ),
      plan,
      parameterId: parameterId(this.#kernel, plan.plainBits, this.#product),
      polynomials,
      bias: Array.from(model.bias, value =>
        scaleUp(BigInt(Math.round(value * plan.weightScale * plan.featureScale)), plan.plainBits),
      ),
    }
  }

  score({ plan, polynomials, bias }: BfvModel, { words, seed }: BfvRequest): BfvReply {
    const kernel = this.#kernel
    const ring = this.#ring
    const { dot, pack, seed: beginSeed, uniform64 } = kernel.functions
    kernel.words(this.#c0, degree).set(words)
    kernel.bytes(this.#product, seedBytes).set(seed)
    beginSeed(this.#product)
    uniform64(this.#c1, degree, prime.q)
    ring.toPoints(this.#c1)
    const scores = new BigUint64Array(plan.classCount)
    const polynomialBytes = degree * plan.wordBytes
    const packed = new Uint8Array(polynomials.length * polynomialBytes)
    polynomials.forEach(({ coefficients, points }, number) => {
      kernel.words(this.#weights, degree).set(points)
      ring.multiply(this.#product, this.#c1, this.#weights)
      ring.toCoefficients(this.#product)
      pack(this.#weights, this.#product, degree, BigInt(droppedBits(plan.wordBytes)), plan.wordBytes)
      packed.set(kernel.bytes(this.#weights, polynomialBytes), number * polynomialBytes)

      // The first polynomial has more to give than a score for each class: the scores alone are sums of products.
      new BigInt64Array(kernel.words(this.#weights, degree).buffer, this.#weights, degree).set(coefficients)
      const first = number * plan.classesPerPolynomial
      for (let row = first; row < Math.min(first + plan.classesPerPolynomial, plan.classCount); row++) {
        const { coefficient } = locateScore(plan, row)
        dot(this.#product, this.#c0, this.#weights, coefficients.length, degree, coefficient)
        scores[row] = modulo(readDot(kernel, this.#product) + (bias[row] as bigint))
      }
    })
    return { scores, polynomials: packed }
  }
}

/** Coefficient (row + 1) * D - 1 - i is the weight of feature i for a row of the polynomial. */
function encodeWeights({ weights, featureCount }: LinearWeights, plan: BfvPlan, number: number): BigInt64Array {
  const first = number * plan.classesPerPolynomial
  const rows = Math.min(plan.classesPerPolynomial, plan.classCount - first)
  const coefficients = new BigInt64Array(rows * featureCount)
  for (let row = 0; row < rows; row++)
    for (let feature = 0; feature < featureCount; feature++) {
      const weight = weights[(first + row) * featureCount + feature] as number
      coefficients[(row + 1) * featureCount - 1 - feature] = BigInt(Math.round(weight * plan.weightScale))
    }
  return coefficients
}
