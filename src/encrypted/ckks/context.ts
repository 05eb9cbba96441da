import type { Kernel } from '../kernel.ts'
import { type Factor, galoisIndices, invert, Ring } from '../ring.ts'
import { degree, galoisElement, main, middle, type RotationStep, rotationSteps, special } from './parameters.ts'

/** Polynomials one after the other, `degree` words each, outside the kernel's memory. */
export type Polynomials = BigUint64Array

/** Addresses of a polynomial's remainders. */
export interface Extended {
  readonly main: number
  readonly middle: number
  readonly special: number
}

/** The kernel's memory with what all of CKKS uses: tables of three primes, rotations, constants. */
export class CkksContext {
  readonly kernel: Kernel
  readonly main: Ring
  readonly middle: Ring
  readonly special: Ring
  /** Addresses of `galoisIndices`. */
  readonly indices: Readonly<Record<RotationStep, number>>
  readonly specialAtMain: Factor
  readonly specialAtMiddle: Factor
  /** 1 / special modulo main */
  readonly overSpecial: Factor
  /** -1 / middle modulo main, and modulo special */
  readonly minusOverMiddle: Factor
  readonly minusOverMiddleAtSpecial: Factor

  /** Free between two calls of an engine. */
  readonly scratch: { readonly c0: Extended; readonly c1: Extended }

  constructor(kernel: Kernel) {
    this.kernel = kernel
    this.main = new Ring(kernel, degree, main)
    this.middle = new Ring(kernel, degree, middle)
    this.special = new Ring(kernel, degree, special)
    this.indices = Object.fromEntries(
      rotationSteps.map(step => {
        const indices = galoisIndices(degree, galoisElement(step))
        const at = kernel.allocate(indices.byteLength)
        kernel.bytes(at, indices.byteLength).set(new Uint8Array(indices.buffer))
        return [step, at]
      }),
    ) as Record<RotationStep, number>
    this.specialAtMain = this.main.factor(special.q)
    this.specialAtMiddle = this.middle.factor(special.q)
    this.overSpecial = this.main.factor(invert(special.q, main.q))
    this.minusOverMiddle = this.main.factor(-invert(middle.q, main.q))
    this.minusOverMiddleAtSpecial = this.special.factor(-invert(middle.q, special.q))
    this.scratch = { c0: this.allocate(), c1: this.allocate() }
  }

  allocate(): Extended {
    return { main: this.main.allocate(), middle: this.middle.allocate(), special: this.special.allocate() }
  }

  /** Copies polynomials into the kernel's memory, each to its address. */
  load(polynomials: Polynomials, ...addresses: readonly number[]): void {
    addresses.forEach((at, number) => {
      this.kernel.words(at, degree).set(polynomials.subarray(number * degree, (number + 1) * degree))
    })
  }

  /** Copies polynomials out of the kernel's memory. */
  save(...addresses: readonly number[]): Polynomials {
    const polynomials = new BigUint64Array(addresses.length * degree)
    addresses.forEach((at, number) => {
      polynomials.set(this.kernel.words(at, degree), number * degree)
    })
    return polynomials
  }

  copy(target: number, a: number): void {
    this.kernel.words(target, degree).set(this.kernel.words(a, degree))
  }

  clear(at: number): void {
    this.kernel.words(at, degree).fill(0n)
  }

  seed(seed: Uint8Array, scratch: number): void {
    this.kernel.bytes(scratch, seed.length).set(seed)
    this.kernel.functions.seed(scratch)
  }
}
