import type { Kernel } from './kernel.ts'

/** A prime q = 1 modulo 2n that is 2^k - c with an even k up to 60 and c below 2^20, and its smallest root of order 2n. */
export interface Prime {
  readonly q: bigint
  readonly root: bigint
}

const wordBits = 64n
const radix = 1n << wordBits
const allOnes = radix - 1n

export function power(base: bigint, exponent: bigint, q: bigint): bigint {
  let result = 1n
  for (let square = base % q, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % q)
    if (rest & 1n) result = (result * square) % q
  return result
}

/** 1 / value modulo a prime. */
export const invert = (value: bigint, q: bigint): bigint => power(((value % q) + q) % q, q - 2n, q)

/** A constant factor modulo q and what the kernel needs to multiply with it. */
export interface Factor {
  readonly value: bigint
  readonly quotient: bigint
}

/**
 * Polynomials modulo X^n + 1 and a prime, in a kernel's memory: n words each, either coefficients or points (bit-reversed, as in
 * SEAL). Every operation takes and leaves words below q, and takes addresses.
 */
export class Ring {
  readonly n: number
  readonly q: bigint
  readonly #kernel: Kernel
  readonly #forward: number
  readonly #backward: number
  readonly #factor: Factor
  readonly #last: Factor
  readonly #reciprocal: bigint

  constructor(kernel: Kernel, n: number, { q, root }: Prime) {
    this.n = n
    this.q = q
    this.#kernel = kernel
    const inverse = inverseOfOdd(q)
    this.#reciprocal = radix / q
    this.#forward = kernel.allocate(n * 16)
    this.#backward = kernel.allocate(n * 16)
    const one = radix % q
    const rootBack = invert(root, q)
    kernel.functions.tabulate(this.#forward, n, (root * one) % q, one, q, inverse)
    kernel.functions.tabulate(this.#backward, n, (rootBack * one) % q, one, q, inverse)
    this.#factor = this.factor(invert(BigInt(n), q))
    this.#last = this.factor(this.#factor.value * power(rootBack, BigInt(n / 2), q))
  }

  factor(value: bigint): Factor {
    const reduced = ((value % this.q) + this.q) % this.q
    return { value: reduced, quotient: (reduced << wordBits) / this.q }
  }

  allocate(): number {
    return this.#kernel.allocate(this.n * 8)
  }

  toPoints(a: number): void {
    this.#kernel.functions.forward(a, this.#forward, this.n, this.q)
  }

  toCoefficients(a: number): void {
    const { value, quotient } = this.#factor
    const last = this.#last
    const { inverse } = this.#kernel.functions
    inverse(a, this.#backward, this.n, this.q, value, quotient, last.value, last.quotient)
  }

  /** target = a * b, point by point. */
  multiply(target: number, a: number, b: number): void {
    this.#kernel.functions.multiply(target, a, b, this.n, this.q)
  }

  /** target += a * b, point by point. */
  multiplyAdd(target: number, a: number, b: number): void {
    this.#kernel.functions.multiplyAdd(target, a, b, this.n, this.q)
  }

  scale(target: number, a: number, { value, quotient }: Factor): void {
    this.#kernel.functions.scale(target, a, this.n, value, quotient, this.q)
  }

  /** target = a * factors[0] for the first half of the points, a * factors[1] for the second. */
  scaleHalves(target: number, a: number, factors: readonly [Factor, Factor]): void {
    const half = this.n / 2
    factors.forEach(({ value, quotient }, index) => {
      const offset = index * half * 8
      this.#kernel.functions.scale(target + offset, a + offset, half, value, quotient, this.q)
    })
  }

  add(target: number, a: number): void {
    this.#kernel.functions.add(target, a, this.n, this.q)
  }

  /**
   * Points of a(X^element), plus those of a itself if `keep` says so.
   *
   * @param indices  of `galoisIndices(n, element)`
   */
  rotate(target: number, a: number, keep: boolean, indices: number): void {
    this.#kernel.functions.rotate(target, a, keep ? allOnes : 0n, indices, this.n, this.q)
  }

  /** target = rotate(a) + rotate(digits) * key. */
  rotateAdd(target: number, a: number, keep: boolean, digits: number, key: number, indices: number): void {
    const { rotateAdd } = this.#kernel.functions
    rotateAdd(target, a, keep ? allOnes : 0n, digits, key, indices, this.n, this.q)
  }

  /** target = rotate(digits) * key. */
  multiplyRotated(target: number, digits: number, key: number, indices: number): void {
    this.#kernel.functions.multiplyRotated(target, digits, key, indices, this.n, this.q)
  }

  /** target = (target - a) * factor */
  subtractScale(target: number, a: number, { value, quotient }: Factor): void {
    this.#kernel.functions.subtractScale(target, a, this.n, value, quotient, this.q)
  }

  /** Converts coefficients below another prime, whose upper half stands for negative numbers. */
  convert(target: number, a: number, from: Ring): void {
    this.#kernel.functions.convert(target, a, this.n, from.q, this.q, this.#reciprocal)
  }
}

/**
 * Where the points of a(X^element) lie among those of a: point i is the value at root^(2 * reversed(i) + 1).
 *
 * @param element  odd, below 2n
 */
export function galoisIndices(n: number, element: number): Uint16Array<ArrayBuffer> {
  const bits = Math.log2(n)
  return Uint16Array.from({ length: n }, (_, index) => {
    const exponent = ((2 * reverse(index, bits) + 1) * element) % (2 * n)
    return reverse((exponent - 1) / 2, bits)
  })
}

function reverse(value: number, bits: number): number {
  let reversed = 0
  for (let bit = 0; bit < bits; bit++) reversed = reversed * 2 + ((value >> bit) & 1)
  return reversed
}

/** 1 / q modulo 2^64 for an odd q; each step doubles the number of right bits. */
function inverseOfOdd(q: bigint): bigint {
  let inverse = q
  for (let bits = 3; bits < 64; bits *= 2) inverse = BigInt.asUintN(64, inverse * (2n - q * inverse))
  return inverse
}
