import type { Kernel } from '../kernel.ts'
import type { Prime } from '../ring.ts'
import { type Field, f64, header, headerBytes, hexadecimal, u8, u64 } from '../seal-fields.ts'

/**
 * BFV with 2,048 coefficients modulo one prime of 54 bits, which SEAL calls `CoeffModulus.Create(2048, [54])`: 128 bits of security
 * (SEAL's table for tc128). There are no keys but the client's own.
 */
export const degree = 2048
export const prime: Prime = { q: 0x3ffffffffed001n, root: 2_604_308_523_238n }

/**
 * What a client needs to know of a model; none of it is secret.
 *
 * Feature i is coefficient i of the request, times `featureScale` and rounded. The weights of `classesPerPolynomial` classes are one
 * polynomial, times `weightScale` and rounded, in an order in which coefficient (class + 1) * featureCount - 1 of the product is a
 * class's score times both scales.
 */
export interface BfvLayout {
  readonly featureCount: number
  readonly classCount: number
  readonly classesPerPolynomial: number
  /** Scores times both scales are integers below half of 2^plainBits. */
  readonly plainBits: number
  readonly featureScale: number
  readonly weightScale: number
  /** The largest absolute value of a feature. */
  readonly maxFeature: number
  /** Bytes of each coefficient of a reply's second polynomials. Their lowest bits are left out. */
  readonly wordBytes: number
}

export const polynomialCount = ({ classCount, classesPerPolynomial }: BfvLayout): number =>
  Math.ceil(classCount / classesPerPolynomial)

/** Where a class's score is: in which product, and at which coefficient. */
export function locateScore({ classesPerPolynomial, featureCount }: BfvLayout, classIndex: number) {
  return {
    polynomial: Math.floor(classIndex / classesPerPolynomial),
    coefficient: ((classIndex % classesPerPolynomial) + 1) * featureCount - 1,
  }
}

const primeBits = 54
export const droppedBits = (wordBytes: number): number => Math.max(0, primeBits - 8 * wordBytes)

/** SEAL's `parms_id`, in hexadecimal digits: the BLAKE2b-256 of scheme, degree, primes and plain modulus. */
export function parameterId(kernel: Kernel, plainBits: number, scratch: number): string {
  kernel.words(scratch, 5).set([1n, BigInt(degree), prime.q, 1n << BigInt(plainBits), 0n])
  kernel.functions.digest(scratch, scratch, 4 * 8)
  return Array.from(kernel.bytes(scratch, 32), byte => byte.toString(16).padStart(2, '0')).join('')
}

export const seedBytes = 64
const seedTotalBytes = headerBytes + 1 + seedBytes
const wordsTotalBytes = headerBytes + 8 + degree * 8
/** Of a request. */
export const requestBytes = headerBytes + 73 + wordsTotalBytes + seedTotalBytes

/** SEAL's minor version in what our client writes. SEAL 4.1 to 4.4 write the same bytes otherwise. */
export const ownMinor = 1
export const minors: readonly number[] = [1, 2, 3, 4]
const blake2xb = 1

const replaced = 'if the model has been replaced, create the client again from what GET …/encrypted answers now'

/**
 * The fields of a ciphertext of two polynomials as coefficients, of which the second is a seed: those before the words of the first
 * one, and those between the words and the seed.
 */
export function requestFields(id: string, minor: number): { readonly head: Field[]; readonly tail: Field[] } {
  const start = { major: 4, minor, compression: 'none' } as const
  return {
    head: [
      ...header(start, requestBytes),
      { ...hexadecimal('parameter id', id), hint: replaced },
      u8('NTT form', 0),
      u64('number of polynomials', 2),
      u64('degree', degree),
      u64('number of primes', 1),
      f64('scale', 1),
      u64('correction factor', 1),
      ...header(start, wordsTotalBytes),
      u64('number of words', degree),
    ],
    tail: [...header(start, seedTotalBytes), u8('random number generator', blake2xb)],
  }
}
