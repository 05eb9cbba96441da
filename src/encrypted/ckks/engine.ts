import type { Kernel } from '../kernel.ts'
import type { LinearWeights } from '../linear-weights.ts'
import { type Factor, power } from '../ring.ts'
import { concatFields, type Field, type Header, header, headerBytes } from '../seal-fields.ts'
import { ciphertextFields, type RotationKeys, type SeededPair } from './check.ts'
import { CkksContext, type Extended, type Polynomials } from './context.ts'
import { degree, main, middle, parameterIds, type RotationStep } from './parameters.ts'
import { type PreparedKeys, prepareKeys } from './prepared-keys.ts'
import { type PreparedModel, prepareModel } from './prepared-model.ts'

/** A ciphertext at main and middle, times special; addresses of points. */
interface Ciphertext {
  readonly c0: Extended
  readonly c1: Extended
}

/** Addresses of one polynomial at main and special, which is divided by special. */
type Divisible = Pick<Extended, 'main' | 'special'>

const replyHeader: Header = { major: 3, minor: 5, compression: 'none' }
const polynomialBytes = degree * 8

/**
 * Scores requests of the Python package `encrypted-inference` with linear models.
 *
 * The weights of two classes are the real and imaginary parts of a slot, and those of all pairs are in one ciphertext: it is multiplied
 * with the request and with the request rotated by one slot ("babies"), and the products are rotated and added ("giants"). Rotations
 * by powers of two then add up all slots of a pair ("folds"), and further ones bring each pair to slot 0, which is what clients read.
 *
 * A rotation switches keys: the second polynomial's coefficients are digits that are multiplied with a key modulo main * special, and
 * the result is divided by special. The first polynomial is kept times special and divided when a reply is written. Sums of
 * products are divided by middle, so that the scale of the request gives way to that of the model.
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
  /** Replies on the way to the one that is written, as points: c1 as digits at main and at special. */
  readonly #replies: Ciphertext[] = []
  readonly #unit: readonly [Factor, Factor]

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
    const unit = power(main.root, BigInt(degree / 2), main.q)
    this.#unit = [context.main.factor(-unit), context.main.factor(unit)]
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
    return this.#extract(model, keys)
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
    this.#divideBySpecial(c1)
    main.add(this.#c1, c1.main)
  }

  /** Coefficients at main and special become those over middle, of which they have been divided by middle before. */
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

  /** Coefficients at main become those over special. */
  #divideBySpecial(coefficients: Divisible): void {
    const { main, special, overSpecial } = this.#context
    main.convert(this.#temporary, coefficients.special, special)
    main.subtractScale(coefficients.main, this.#temporary, overSpecial)
  }

  /** The same for points, of which those at special become coefficients. */
  #dividePointsBySpecial(points: Divisible, bias: readonly [bigint, bigint] = [0n, 0n]): void {
    const { kernel, main, special, overSpecial } = this.#context
    special.toCoefficients(points.special)
    main.convert(this.#temporary, points.special, special)
    const words = kernel.words(this.#temporary, degree)
    words[0] = ((words[0] as bigint) + bias[0]) % main.q
    words[degree / 2] = ((words[degree / 2] as bigint) + bias[1]) % main.q
    main.toPoints(this.#temporary)
    main.subtractScale(points.main, this.#temporary, overSpecial)
  }

  /** Rotates the sum, and adds it as it was if `keep` says so. */
  #rotateSum(step: RotationStep, keep: boolean, keys: PreparedKeys): void {
    const context = this.#context
    const { main, middle, special } = context
    const indices = context.indices[step]
    const [digits] = this.#digits
    const { c0, c1 } = this.#key
    const [from, to] = [this.#sum, this.#rotated]
    context.copy(digits.main, this.#c1)
    special.convert(digits.special, this.#c1, main)
    main.toPoints(digits.main)
    special.toPoints(digits.special)
    context.load(keys.rotations.get(step) as Polynomials, c0.main, c0.special, c1.main, c1.special)
    main.rotateAdd(to.main, from.main, keep, digits.main, c0.main, indices)
    middle.rotate(to.middle, from.middle, keep, indices)
    special.rotateAdd(to.special, from.special, keep, digits.special, c0.special, indices)
    const work = this.#work
    this.#multiplyDigits(work, digits, indices)
    main.toCoefficients(work.main)
    special.toCoefficients(work.special)
    this.#divideBySpecial(work)
    if (!keep) context.clear(this.#c1)
    main.add(this.#c1, work.main)
    this.#sum = to
    this.#rotated = from
  }

  /** Rotated digits times the loaded key's second polynomial, as points. */
  #multiplyDigits(target: Divisible, digits: Divisible, indices: number): void {
    const { main, special } = this.#context
    const { c1 } = this.#key
    main.multiplyRotated(target.main, digits.main, c1.main, indices)
    special.multiplyRotated(target.special, digits.special, c1.special, indices)
  }

  /** Begins with the reply of pair 0, from the sum. */
  #extract(model: PreparedModel, keys: PreparedKeys): Uint8Array[] {
    const context = this.#context
    const { main, middle, special, minusOverMiddle, minusOverMiddleAtSpecial } = context
    const { c0, c1 } = this.#reply(0)
    middle.toCoefficients(this.#sum.middle)
    main.convert(c0.main, this.#sum.middle, middle)
    main.toPoints(c0.main)
    main.scale(c0.main, c0.main, minusOverMiddle)
    main.add(c0.main, this.#sum.main)
    special.convert(c0.special, this.#sum.middle, middle)
    special.toPoints(c0.special)
    special.scale(c0.special, c0.special, minusOverMiddleAtSpecial)
    special.add(c0.special, this.#sum.special)
    context.copy(c1.main, this.#c1)
    const replies: Uint8Array[] = []
    const { pairCount, period } = model.plan
    if (pairCount === 1) {
      main.toPoints(c1.main)
      this.#write(0, { c0, c1 }, model, replies)
    } else this.#writeAll(0, period, 0, model, keys, replies)
    return replies
  }

  /**
   * Writes the replies of a pair and of those that follow it, which come from its own.
   *
   * @param size   a power of two from 2: this pair and its followers, as far as there are so many
   * @param depth  of the pair's reply, whose c1.main still has coefficients
   */
  #writeAll(pair: number, size: number, depth: number, model: PreparedModel, keys: PreparedKeys, out: Uint8Array[]) {
    const context = this.#context
    const { main, special } = context
    const { c0, c1 } = this.#reply(depth)
    special.convert(c1.special, c1.main, main)
    special.toPoints(c1.special)
    main.toPoints(c1.main)
    this.#write(pair, { c0, c1 }, model, out)
    const { pairCount } = model.plan
    for (let step = 1; step < size && pair + step < pairCount; step *= 2) {
      const key = this.#key
      const polynomials = keys.rotations.get(step as RotationStep) as Polynomials
      const indices = context.indices[step as RotationStep]
      const next = this.#reply(depth + 1)
      context.load(polynomials, key.c0.main, key.c0.special, key.c1.main, key.c1.special)
      main.rotateAdd(next.c0.main, c0.main, false, c1.main, key.c0.main, indices)
      special.rotateAdd(next.c0.special, c0.special, false, c1.special, key.c0.special, indices)
      this.#multiplyDigits(next.c1, c1, indices)
      if (step === 1 || pair + step + 1 >= pairCount) {
        this.#dividePointsBySpecial(next.c1)
        this.#write(pair + step, next, model, out)
        continue
      }
      main.toCoefficients(next.c1.main)
      special.toCoefficients(next.c1.special)
      this.#divideBySpecial(next.c1)
      this.#writeAll(pair + step, step, depth + 1, model, keys, out)
    }
  }

  #reply(depth: number): Ciphertext {
    this.#replies[depth] ??= allocateCiphertext(this.#context)
    return this.#replies[depth]
  }

  /** Writes the ciphertexts of a pair's classes: the reply, and the reply times -X^(n/2), which is -i in slot 0. */
  #write(pair: number, { c0, c1 }: Ciphertext, { plan, bias }: PreparedModel, out: Uint8Array[]): void {
    const context = this.#context
    const { main } = context
    const { main: first, special: rest } = this.#work
    context.copy(first, c0.main)
    context.copy(rest, c0.special)
    this.#dividePointsBySpecial(this.#work, bias[pair])
    out[2 * pair] = writeReply(context, first, c1.main, plan.scale)
    if (2 * pair + 1 >= plan.classCount) return
    main.scaleHalves(first, first, this.#unit)
    main.scaleHalves(rest, c1.main, this.#unit)
    out[2 * pair + 1] = writeReply(context, first, rest, plan.scale)
  }
}

function allocateCiphertext(context: CkksContext): Ciphertext {
  return { c0: context.allocate(), c1: context.allocate() }
}

function writeReply({ kernel }: CkksContext, c0: number, c1: number, scale: number): Uint8Array {
  const fields = concatFields(replyFields(scale))
  const reply = new Uint8Array(fields.length + 2 * polynomialBytes)
  reply.set(fields)
  reply.set(kernel.bytes(c0, polynomialBytes), fields.length)
  reply.set(kernel.bytes(c1, polynomialBytes), fields.length + polynomialBytes)
  return reply
}

/** The package ends the caller's process when a field differs. */
function replyFields(scale: number): Field[] {
  const body = ciphertextFields(parameterIds.reply, 1, scale, 2 * degree)
  return [...header(replyHeader, headerBytes + concatFields(body).length + 2 * polynomialBytes), ...body]
}
