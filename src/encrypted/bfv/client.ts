import type { Kernel } from '../kernel.ts'
import { Ring } from '../ring.ts'
import { concatFields } from '../seal-fields.ts'
import type { BfvReply } from './engine.ts'
import { modulo, readDot, scaleDown, scaleUp } from './integers.ts'
import {
  type BfvLayout,
  degree,
  droppedBits,
  locateScore,
  ownMinor,
  parameterId,
  polynomialCount,
  prime,
  requestBytes,
  requestFields,
  seedBytes,
} from './layout.ts'

/** Cryptographically strong random bytes, such as `crypto.getRandomValues` gives them. */
export type RandomBytes = (count: number) => Uint8Array

/** A coefficient's noise is the number of ones among 21 bits less that among 21 others. */
const noiseBits = 21
const noiseBytes = 6

/** What a caller does with its features and scores: the only part that knows a secret. Works in browsers as well. */
export class BfvClient {
  readonly #kernel: Kernel
  readonly #ring: Ring
  readonly #secret: number
  readonly #secretPoints: number
  readonly #work: number
  readonly #packed: number
  readonly #scratch: number
  readonly #random: RandomBytes

  /** @param secretSeed  64 bytes, of which the secret key is made as SEAL does it */
  constructor(kernel: Kernel, secretSeed: Uint8Array, random: RandomBytes) {
    if (secretSeed.length !== seedBytes)
      throw new RangeError(`a secret key has ${seedBytes} bytes, this one has ${secretSeed.length}`)
    this.#kernel = kernel
    this.#random = random
    this.#ring = new Ring(kernel, degree, prime)
    this.#secret = this.#ring.allocate()
    this.#secretPoints = this.#ring.allocate()
    this.#work = this.#ring.allocate()
    this.#packed = kernel.allocate(degree * 8)
    this.#scratch = kernel.allocate(64)
    kernel.bytes(this.#work, seedBytes).set(secretSeed)
    kernel.functions.seed(this.#work)
    kernel.functions.ternary(this.#secret, degree)
    const points = kernel.words(this.#secretPoints, degree)
    kernel.words(this.#secret, degree).forEach((word, index) => {
      points[index] = modulo(BigInt.asIntN(64, word))
    })
    this.#ring.toPoints(this.#secretPoints)
  }

  /**
   * @returns the bytes of a SEAL ciphertext
   * @throws RangeError when features are missing, not finite or larger than the model's largest
   */
  encrypt(features: ArrayLike<number>, layout: BfvLayout): Uint8Array<ArrayBuffer> {
    if (features.length !== layout.featureCount)
      throw new RangeError(`the model takes ${layout.featureCount} features, got ${features.length}`)
    const kernel = this.#kernel
    const seed = this.#random(seedBytes)
    const noise = this.#random(degree * noiseBytes)
    kernel.bytes(this.#work, seedBytes).set(seed)
    kernel.functions.seed(this.#work)
    kernel.functions.uniform64(this.#work, degree, prime.q)
    this.#ring.toPoints(this.#work)
    this.#ring.multiply(this.#work, this.#work, this.#secretPoints)
    this.#ring.toCoefficients(this.#work)
    const words = kernel.words(this.#work, degree)
    for (let index = 0; index < degree; index++) {
      const message = index < features.length ? encodeFeature(features, index, layout) : 0n
      words[index] = modulo(message - (words[index] as bigint) - BigInt(readNoise(noise, index * noiseBytes)))
    }
    const { head, tail } = requestFields(parameterId(kernel, layout.plainBits, this.#scratch), ownMinor)
    const request = new Uint8Array(requestBytes)
    const [first, second] = [concatFields(head), concatFields(tail)]
    request.set(first)
    request.set(kernel.bytes(this.#work, degree * 8), first.length)
    request.set(second, first.length + degree * 8)
    request.set(seed, first.length + degree * 8 + second.length)
    return request
  }

  /** @returns a score for each class */
  decrypt({ scores, polynomials }: BfvReply, layout: BfvLayout): Float64Array<ArrayBuffer> {
    const polynomialBytes = degree * layout.wordBytes
    if (scores.length !== layout.classCount || polynomials.length !== polynomialCount(layout) * polynomialBytes)
      throw new RangeError('the reply is not that of the model')
    const kernel = this.#kernel
    const dropped = BigInt(droppedBits(layout.wordBytes))
    let unpacked: number | undefined
    return Float64Array.from(scores, (_, row) => {
      const { polynomial, coefficient } = locateScore(layout, row)
      if (polynomial !== unpacked) {
        kernel
          .bytes(this.#packed, polynomialBytes)
          .set(polynomials.subarray(polynomial * polynomialBytes, (polynomial + 1) * polynomialBytes))
        kernel.functions.unpack(this.#work, this.#packed, degree, dropped, layout.wordBytes)
        unpacked = polynomial
      }
      kernel.functions.dot(this.#scratch, this.#work, this.#secret, degree, degree, coefficient)
      const phase = modulo((scores[row] as bigint) + readDot(kernel, this.#scratch))
      return Number(scaleDown(phase, layout.plainBits)) / (layout.featureScale * layout.weightScale)
    })
  }
}

function encodeFeature(features: ArrayLike<number>, index: number, layout: BfvLayout): bigint {
  const feature: unknown = features[index]
  // Math.abs takes null and '' for 0.
  if (typeof feature !== 'number' || !(Math.abs(feature) <= layout.maxFeature))
    throw new RangeError(
      `feature ${index} is ${typeof feature === 'string' ? JSON.stringify(feature) : String(feature)}, expected a number from -${layout.maxFeature} to ${layout.maxFeature}`,
    )
  return scaleUp(BigInt(Math.round(feature * layout.featureScale)), layout.plainBits)
}

function readNoise(bytes: Uint8Array, at: number): number {
  const bits = (offset: number) =>
    ((bytes[at + offset] as number) |
      ((bytes[at + offset + 1] as number) << 8) |
      ((bytes[at + offset + 2] as number) << 16)) &
    (2 ** noiseBits - 1)
  return countOnes(bits(0)) - countOnes(bits(3))
}

function countOnes(value: number): number {
  let rest = value
  let ones = 0
  for (; rest !== 0; rest &= rest - 1) ones++
  return ones
}
