import type { Kernel } from '../kernel.ts'
import type { LinearWeights } from '../linear-weights.ts'
import type { RotationKeys, SeededPair } from './check.ts'
import { CkksContext, type Extended, type Polynomials } from './context.ts'
import { KeySwitch } from './key-switch.ts'
import { degree, main, middle, type RotationStep } from './parameters.ts'
import { type PreparedKeys, prepareKeys } from './prepared-keys.ts'
import { type PreparedModel, prepareModel } from './prepared-model.ts'
import { ReplyWriter } from './reply-writer.ts'

/** A ciphertext at main and middle, times special; addresses of points. */
interface Ciphertext {
  readonly c0: Extended
  readonly c1: Extended
}

/**
 * Scores requests of the Python package `encrypted-inference` with linear models.
 *
 * The weights of two classes are the real and imaginary parts of a slot, and those of all pairs are in one ciphertext: it is multiplied
 * with the request and with the request rotated by one slot ("babies"), and the products are rotated and added ("giants"). Rotations
 * by powers of two then add up all slots of a pair ("folds"), and further ones bring each pair to slot 0, which is what clients read.
 * Sums of products are divided by middle, so that the scale of the request gives way to that of the model.
 */
export class CkksEngine {
  readonly #context: CkksContext
  /** The first polynomial of the sum, and where it is rotated to. */
  #sum: Extended
  #rotated: Extended
  /** Coefficients of the sum's second polynomial. */
  readonly #c1: number
  readonly #digits: readonly [Extended, Extended]
  readonly #work: Extended
  readonly #temporary: number
  readonly #key: Ciphertext
  readonly #weights: Extended
  /** The blocks of a request, each as it is and rotated by one slot. */
  readonly #blocks: (readonly [Ciphertext, Ciphertext])[] = []
  readonly #keySwitch: KeySwitch
  readonly #replyWriter: ReplyWriter

  constructor(kernel: Kernel) {
    const context = new CkksContext(kernel)
    this.#context = context
    this.#sum = context.allocate()
    this.#rotated = context.allocate()
    this.#c1 = context.main.allocate()
    this.#digits = [context.allocate(), context.allocate()]
    this.#work = context.allocate()
    this.#temporary = context.main.allocate()
    this.#key = allocateCiphertext(context)
    this.#weights = context.allocate()
    this.#keySwitch = new KeySwitch(context)
    this.#replyWriter = new ReplyWriter(context, this.#keySwitch)
  }

  /** Takes about 20 ms; the result has 3.75 MB. */
  prepareKeys(keys: RotationKeys): PreparedKeys {
    return prepareKeys(this.#context, keys)
  }

  /**
   * Takes about 10 ms for two classes and 4,096 features.
   *
   * @param maxFeature  the largest absolute value of a feature. If it is not known, the scale is 2^44, and scores up to `maxScore` are right.
   * @throws ServiceLoadError when the model does not fit, with the numbers
   */
  prepareModel(model: LinearWeights, maxFeature?: number): PreparedModel {
    return prepareModel(this.#context, model, maxFeature)
  }

  /**
   * Returns a ciphertext for each class, as `EILinearRegressionClient.decrypt` takes it (in base64).
   *
   * @param request  checked; a ciphertext for each 4,096 features
   */
  score(model: PreparedModel, request: readonly SeededPair[], keys: PreparedKeys): Uint8Array[] {
    const { plan } = model
    request.forEach((pair, block) => {
      this.#loadBlock(pair, block, plan.babyCount > 1 ? keys : undefined)
    })
    this.#clearSum()
    for (let giant = plan.giantCount - 1; giant >= 0; giant--) {
      if (giant < plan.giantCount - 1) this.#rotateSum(plan.babyCount as RotationStep, false, keys)
      this.#addProducts(model, giant)
    }
    for (const step of plan.foldSteps) this.#rotateSum(step, true, keys)
    return this.#replyWriter.write(this.#sum, this.#c1, model, keys)
  }

  /** Reads a ciphertext and, if keys are given, rotates it by one slot. */
  #loadBlock({ words, seed }: SeededPair, block: number, keys: PreparedKeys | undefined): void {
    const context = this.#context
    const { uniform63 } = context.kernel.functions
    this.#blocks[block] ??= [allocateCiphertext(context), allocateCiphertext(context)]
    const [plain, rotated] = this.#blocks[block]
    context.load(words, plain.c0.main, plain.c0.middle)
    context.seed(seed, this.#temporary)
    uniform63(plain.c1.main, degree, main.q)
    uniform63(plain.c1.middle, degree, middle.q)
    context.main.scale(plain.c0.main, plain.c0.main, context.specialAtMain)
    context.middle.scale(plain.c0.middle, plain.c0.middle, context.specialAtMiddle)
    if (keys) this.#rotateBlock(plain, rotated, keys)
    context.main.scale(plain.c1.main, plain.c1.main, context.specialAtMain)
    context.middle.scale(plain.c1.middle, plain.c1.middle, context.specialAtMiddle)
  }

  /** @param plain  c0 is times special already, and c1 is not */
  #rotateBlock({ c0, c1 }: Ciphertext, rotated: Ciphertext, keys: PreparedKeys): void {
    const context = this.#context
    const { main, middle, special } = context
    const indices = context.indices[1]
    const temporary = this.#temporary
    const [ofMain, ofMiddle] = this.#digits
    context.copy(ofMain.main, c1.main)
    context.copy(temporary, c1.main)
    main.toCoefficients(temporary)
    middle.convert(ofMain.middle, temporary, main)
    special.convert(ofMain.special, temporary, main)
    middle.toPoints(ofMain.middle)
    special.toPoints(ofMain.special)
    context.copy(ofMiddle.middle, c1.middle)
    context.copy(temporary, c1.middle)
    middle.toCoefficients(temporary)
    main.convert(ofMiddle.main, temporary, middle)
    special.convert(ofMiddle.special, temporary, middle)
    main.toPoints(ofMiddle.main)
    special.toPoints(ofMiddle.special)

    main.rotate(rotated.c0.main, c0.main, false, indices)
    middle.rotate(rotated.c0.middle, c0.middle, false, indices)
    context.clear(rotated.c0.special)
    for (const at of Object.values(rotated.c1)) context.clear(at)
    const key = this.#key
    const rings = { main, middle, special }
    this.#digits.forEach((digits, part) => {
      const { c0, c1 } = key
      context.load(keys.request[part] as Polynomials, c0.main, c0.middle, c0.special, c1.main, c1.middle, c1.special)
      for (const prime of ['main', 'middle', 'special'] as const) {
        const ring = rings[prime]
        ring.multiplyRotated(temporary, digits[prime], c0[prime], indices)
        ring.add(rotated.c0[prime], temporary)
        ring.multiplyRotated(temporary, digits[prime], c1[prime], indices)
        ring.add(rotated.c1[prime], temporary)
      }
    })
  }

  #clearSum(): void {
    for (const at of Object.values(this.#sum)) this.#context.clear(at)
    this.#context.clear(this.#c1)
  }

  /** Adds the products of a giant to the sum. */
  #addProducts({ products }: PreparedModel, giant: number): void {
    const context = this.#context
    const { main, middle, special } = context
    const sum = this.#sum
    const weights = this.#weights
    const c1 = this.#work
    for (const at of Object.values(c1)) context.clear(at)
    products[giant]?.forEach((babies, block) => {
      babies.forEach((polynomials, baby) => {
        if (polynomials === undefined) return
        const factor = this.#blocks[block]?.[baby] as Ciphertext
        context.load(polynomials, weights.main, weights.middle)
        main.multiplyAdd(sum.main, factor.c0.main, weights.main)
        middle.multiplyAdd(sum.middle, factor.c0.middle, weights.middle)
        main.multiplyAdd(c1.main, factor.c1.main, weights.main)
        middle.multiplyAdd(c1.middle, factor.c1.middle, weights.middle)
        if (baby === 0) return // the remainders at special are 0
        context.load(polynomials.subarray(2 * degree), weights.special)
        special.multiplyAdd(sum.special, factor.c0.special, weights.special)
        special.multiplyAdd(c1.special, factor.c1.special, weights.special)
      })
    })
    main.toCoefficients(c1.main)
    middle.toCoefficients(c1.middle)
    special.toCoefficients(c1.special)
    this.#divideByMiddle(c1)
    this.#keySwitch.divideCoefficients(c1)
    main.add(this.#c1, c1.main)
  }

  /** Coefficients at main and special, whose weights were divided by middle already, lose the remainder at middle. */
  #divideByMiddle(coefficients: Extended): void {
    const { main, middle, special, minusOverMiddle, minusOverMiddleAtSpecial } = this.#context
    const temporary = this.#temporary
    main.convert(temporary, coefficients.middle, middle)
    main.scale(temporary, temporary, minusOverMiddle)
    main.add(coefficients.main, temporary)
    special.convert(temporary, coefficients.middle, middle)
    special.scale(temporary, temporary, minusOverMiddleAtSpecial)
    special.add(coefficients.special, temporary)
  }

  /** Rotates the sum, and adds it as it was if `keep` says so. */
  #rotateSum(step: RotationStep, keep: boolean, keys: PreparedKeys): void {
    const context = this.#context
    const { main, middle, special } = context
    const keySwitch = this.#keySwitch
    const [digits] = this.#digits
    const [from, to] = [this.#sum, this.#rotated]
    context.copy(digits.main, this.#c1)
    special.convert(digits.special, this.#c1, main)
    main.toPoints(digits.main)
    special.toPoints(digits.special)
    keySwitch.load(step, keys)
    keySwitch.rotateFirst(to, from, keep, digits)
    middle.rotate(to.middle, from.middle, keep, context.indices[step])
    const work = this.#work
    keySwitch.rotateSecond(work, digits)
    keySwitch.divideToCoefficients(work)
    if (!keep) context.clear(this.#c1)
    main.add(this.#c1, work.main)
    this.#sum = to
    this.#rotated = from
  }
}

function allocateCiphertext(context: CkksContext): Ciphertext {
  return { c0: context.allocate(), c1: context.allocate() }
}
