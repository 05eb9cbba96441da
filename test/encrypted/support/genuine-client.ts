/**
 * What the Python package `encrypted-inference` does for a caller, with its file formats, from fixed seeds: keys, requests,
 * decryption. Not for anything but tests, as its randomness is none.
 */
import { createHash } from 'node:crypto'
import { constants, deflateSync, inflateSync } from 'node:zlib'
import {
  degree,
  galoisElement,
  main,
  middle,
  parameterIds,
  rotationSteps,
  slotCount,
  spare,
  special,
} from '../../../src/encrypted/ckks/parameters.ts'
import { encodeSlots } from '../../../src/encrypted/ckks/slots.ts'
import type { Kernel } from '../../../src/encrypted/kernel.ts'
import { type Prime, Ring } from '../../../src/encrypted/ring.ts'
import { blake2b, sealStream } from './blake2xb.ts'

const scale = 2 ** 40
const seedBytes = 64

export class GenuineClient {
  readonly keyId: string
  readonly #kernel: Kernel
  readonly #rings: readonly Ring[]
  readonly #secret: readonly number[]
  readonly #name: string
  #count = 0

  constructor(kernel: Kernel, secretSeed: Buffer, name = 'test') {
    this.#kernel = kernel
    this.#name = name
    this.#rings = [main, middle, spare, special].map((prime: Prime) => new Ring(kernel, degree, prime))
    this.keyId = base32(blake2b(secretSeed, 32)).slice(0, 32)
    const stream = sealStream(secretSeed, 4 * degree + 4096)
    const secret: number[] = []
    for (let at = 0; secret.length < degree; at += 4) {
      const word = stream.readUInt32LE(at)
      if (word < 3 * 1431655765) secret.push(Math.floor(word / 1431655765) - 1)
    }
    this.#secret = secret
  }

  publicKeys(): Buffer {
    const steps = new Map(rotationSteps.map(step => [(galoisElement(step) - 1) / 2, step]))
    const table = Array.from({ length: degree }, (_, index) => {
      const step = steps.get(index)
      return step === undefined ? [u64(0)] : [u64(3), ...this.#keyParts(galoisElement(step))]
    })
    const id = Buffer.from(parameterIds.keys, 'hex')
    const rotations = Buffer.concat([id, u64(degree), ...table.flat()])
    const relinearisation = Buffer.concat([id, u64(1), u64(3), Buffer.alloc(1000)])
    return Buffer.concat([compress(rotations), compress(relinearisation)])
  }

  /** For each prime of a request, what encrypts special * secret(X^element) in the remainder of this prime. */
  #keyParts(element: number): Buffer[] {
    const rotated = automorphism(this.#secret, element)
    return [0, 1, 2].map(part => {
      const pair = this.#pair(4, 1, parameterIds.keys, number => {
        const { q } = this.#rings[number]!
        return number === part ? rotated.map(value => modulo(BigInt(value) * special.q, q)) : undefined
      })
      return Buffer.concat([header(0, pair.length + 16), pair])
    })
  }

  /** @param change  of the bytes of each ciphertext before they are compressed */
  encrypt(features: readonly number[], change: (ciphertext: Buffer) => Buffer = bytes => bytes): string[] {
    const blocks = Array.from({ length: Math.ceil(features.length / slotCount) }, (_, block) => {
      const real = new Float64Array(slotCount)
      real.set(features.slice(block * slotCount, (block + 1) * slotCount))
      const message = Array.from(encodeSlots(real, new Float64Array(slotCount)), value =>
        BigInt(Math.round(value * scale)),
      )
      return this.#pair(3, scale, parameterIds.request, number =>
        message.map(value => modulo(value, this.#rings[number]!.q)),
      )
    })
    return blocks.map(block => compress(change(block)).toString('base64'))
  }

  /** -(c1 * secret + noise) + message at each of the first primes, and the seed of c1. */
  #pair(
    primeCount: number,
    ownScale: number,
    id: string,
    message: (number: number) => readonly bigint[] | undefined,
  ): Buffer {
    const kernel = this.#kernel
    const seed = createHash('sha512')
      .update(`${this.#name} ${this.#count++}`)
      .digest()
    const [c0, c1, secret] = this.#addresses()
    kernel.bytes(c0, seedBytes).set(seed)
    kernel.functions.seed(c0)
    const noise = createHash('sha512').update(seed).digest()
    const words = this.#rings.slice(0, primeCount).map((ring, number) => {
      kernel.functions.uniform63(c1, degree, ring.q)
      this.#loadSecret(ring, secret)
      const values = message(number)
      const noises = [-3n, -2n, -1n, 0n, 1n, 2n, 3n]
      const target = kernel.words(c0, degree)
      for (let index = 0; index < degree; index++)
        target[index] = modulo((values?.[index] ?? 0n) - noises[noise[(index * 7) % 64]! % 7]!, ring.q)
      ring.toPoints(c0)
      ring.multiply(c1, c1, secret)
      ring.scale(c1, c1, ring.factor(-1n))
      ring.add(c0, c1)
      return Buffer.from(kernel.bytes(c0, degree * 8))
    })
    const body = Buffer.concat([u64(primeCount * degree), ...words])
    return Buffer.concat([
      Buffer.from(id, 'hex'),
      Buffer.of(1),
      ...[u64(2), u64(degree), u64(primeCount), f64(ownScale)],
      header(0, body.length + 16),
      body,
      seed,
    ])
  }

  /** What the package does with a reply, at any level: it reads slot 0 and divides by the scale. */
  decrypt(reply: Uint8Array): number {
    const compressed = reply[5] === 1
    const body = compressed ? inflateSync(reply.subarray(16)) : Buffer.from(reply.subarray(16))
    const primeCount = Number(body.readBigUInt64LE(49))
    const wordsAt = 89
    const polynomialBytes = primeCount * degree * 8
    const [c0, c1, secret] = this.#addresses()
    const ring = this.#rings[0]!
    const kernel = this.#kernel
    kernel.bytes(c0, degree * 8).set(body.subarray(wordsAt, wordsAt + degree * 8))
    kernel.bytes(c1, degree * 8).set(body.subarray(wordsAt + polynomialBytes, wordsAt + polynomialBytes + degree * 8))
    this.#loadSecret(ring, secret)
    ring.multiplyAdd(c0, c1, secret)
    ring.toCoefficients(c0)
    let sum = 0
    kernel.words(c0, degree).forEach((word, index) => {
      const value = Number(word > ring.q / 2n ? word - ring.q : word)
      sum += value * Math.cos((Math.PI * index) / degree)
    })
    return sum / body.readDoubleLE(57)
  }

  readonly #secretPoints = new Map<Ring, BigUint64Array>()
  #loadSecret(ring: Ring, at: number): void {
    const words = this.#kernel.words(at, degree)
    const points = this.#secretPoints.get(ring)
    if (points) return words.set(points)
    words.set(this.#secret.map(value => modulo(BigInt(value), ring.q)))
    ring.toPoints(at)
    this.#secretPoints.set(ring, words.slice())
  }

  #allocated: [number, number, number] | undefined
  #addresses(): [number, number, number] {
    const ring = this.#rings[0]!
    this.#allocated ??= [ring.allocate(), ring.allocate(), ring.allocate()]
    return this.#allocated
  }
}

export function compress(body: Buffer): Buffer {
  const compressed = deflateSync(body, { level: constants.Z_NO_COMPRESSION })
  return Buffer.concat([header(1, compressed.length + 16), compressed])
}

/** The header of SEAL 3.5. */
export function header(compression: number, totalBytes: number): Buffer {
  return Buffer.concat([Buffer.of(0x5e, 0xa1, 16, 3, 5, compression, 0, 0), u64(totalBytes)])
}

function automorphism(coefficients: readonly number[], element: number): number[] {
  const result = new Array<number>(degree)
  coefficients.forEach((value, index) => {
    const exponent = (index * element) % (2 * degree)
    result[exponent % degree] = exponent < degree ? value : -value
  })
  return result
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function f64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}

const modulo = (value: bigint, q: bigint) => (value < 0n ? (value % q) + q : value % q) % q

function base32(bytes: Buffer): string {
  const bits = Array.from(bytes, byte => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{5}/g) ?? []).map(five => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)]).join('')
}
