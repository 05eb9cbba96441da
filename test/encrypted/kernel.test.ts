import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import * as bfv from '../../src/encrypted/bfv/layout.ts'
import * as ckks from '../../src/encrypted/ckks/parameters.ts'
import { Kernel } from '../../src/encrypted/kernel.ts'
import { kernelBytes } from '../../src/encrypted/kernel-bytes.ts'
import { galoisIndices, type Prime, power, Ring } from '../../src/encrypted/ring.ts'
import { run } from '../clients/tools.ts'
import { skipFor } from '../support/skip-for.ts'
import { blake2b, sealStream } from './support/blake2xb.ts'

const kernel = await Kernel.create()
const isInstalled = existsSync('kernel/node_modules/assemblyscript')
const primes: [string, number, Prime][] = [
  ['main', ckks.degree, ckks.main],
  ['middle', ckks.degree, ckks.middle],
  ['spare', ckks.degree, ckks.spare],
  ['special', ckks.degree, ckks.special],
  ['BFV', bfv.degree, bfv.prime],
]
const rings = new Map(primes.map(([name, n, prime]) => [name, new Ring(kernel, n, prime)]))

describe('kernel-bytes.ts', () => {
  it(
    'has what the committed source compiles to',
    skipFor(!isInstalled && 'the compiler of the kernel is not installed (npm ci --prefix kernel)'),
    async () => {
      const { code, stdout, stderr } = await run(process.execPath, 'kernel/build.js', '--print')
      assert.equal(code, 0, stderr)
      assert.equal(stdout, kernelBytes, 'run npm run build --prefix kernel')
    },
  )
})

describe('the random words of a seed', () => {
  const seed = Buffer.from(Array.from({ length: 64 }, (_, index) => (index * 37) % 256))
  const at = kernel.allocate(8192 * 8)
  const begin = () => {
    kernel.bytes(at, 64).set(seed)
    kernel.functions.seed(at)
  }

  it('are those of BLAKE2Xb, 4,096 bytes a count', () => {
    begin()
    kernel.functions.random(at, 3 * 4096)
    assert.deepEqual(Buffer.from(kernel.bytes(at, 3 * 4096)), sealStream(seed, 3 * 4096))
  })

  it('are hashed with what Node.js calls blake2b512, by the other implementation', () => {
    const input = Buffer.from('The quick brown fox jumps over the lazy dog. '.repeat(7))
    assert.deepEqual(blake2b(input, 64), createHash('blake2b512').update(input).digest())
  })

  it('have a digest of 32 bytes', () => {
    kernel.bytes(at, 64).set(seed)
    kernel.functions.digest(at, at, 64)
    assert.deepEqual(Buffer.from(kernel.bytes(at, 32)), blake2b(seed, 32))
  })

  // So large a prime that most words of 63 bits are drawn again, which the primes in use almost never do.
  it.each([ckks.main.q, ckks.middle.q, (1n << 62n) + 135n])('are 63 bits each in SEAL 3.5.0, modulo %i', q => {
    begin()
    const limit = (1n << 63n) - 1n - (((1n << 63n) - 1n) % q) - 1n
    const draws = sealStream(seed, 16 * 1024)
    const expected: bigint[] = []
    for (let draw = 0; expected.length < 512; draw += 8) {
      const word = (BigInt(draws.readUInt32LE(draw)) << 31n) | BigInt(draws.readUInt32LE(draw + 4) >>> 1)
      if (word < limit) expected.push(word % q)
    }
    kernel.functions.uniform63(at, 512, q)
    assert.deepEqual([...kernel.words(at, 512)], expected)
  })

  it('are skipped without being written', () => {
    begin()
    kernel.functions.uniform63(at, 1024, ckks.main.q)
    const expected = [...kernel.words(at + 512 * 8, 512)]
    begin()
    kernel.functions.uniform63(0, 512, ckks.main.q)
    kernel.functions.uniform63(at, 512, ckks.main.q)
    assert.deepEqual([...kernel.words(at, 512)], expected)
  })

  it.each([bfv.prime.q, (1n << 63n) + 29n])('are 64 bits each in SEAL 4, drawn again at the end, modulo %i', q => {
    begin()
    const limit = (1n << 64n) - 1n - (((1n << 64n) - 1n) % q) - 1n
    const stream = sealStream(seed, 16 * 1024)
    let next = 512 * 8
    const expected = Array.from({ length: 512 }, (_, index) => {
      let word = stream.readBigUInt64LE(8 * index)
      for (; word >= limit; next += 8) word = stream.readBigUInt64LE(next)
      return word % q
    })
    kernel.functions.uniform64(at, 512, q)
    assert.deepEqual([...kernel.words(at, 512)], expected)
  })

  it('make a secret key of -1, 0 and 1', () => {
    begin()
    const stream = sealStream(seed, 4 * 2048)
    const expected = Array.from({ length: 2048 }, (_, at) =>
      BigInt(Math.floor(stream.readUInt32LE(4 * at) / 1431655765) - 1),
    )
    kernel.functions.ternary(at, 2048)
    assert.deepEqual([...new BigInt64Array(kernel.words(at, 2048).buffer, at, 2048)], expected)
  })
})

const reverse = (value: number, bits: number) =>
  Number.parseInt(value.toString(2).padStart(bits, '0').split('').reverse().join(''), 2)

describe.each(primes)('Ring, prime %s', (name, n, { q, root }) => {
  const ring = rings.get(name) as Ring
  const [a, b, c] = [ring.allocate(), ring.allocate(), ring.allocate()]
  const bits = Math.log2(n)
  /** Words from a seed; every fourth is the largest there is. */
  const words = (number: number) => {
    const values = new BigUint64Array(n)
    let state = BigInt(number) + 1n
    for (let index = 0; index < n; index++) {
      state = (state * 6364136223846793005n + 1442695040888963407n) % (1n << 128n)
      values[index] = index % 4 === number % 4 ? q - 1n : (state >> 40n) % q
    }
    return values
  }

  it('has the smallest root of its order', () => {
    assert.equal(power(root, BigInt(n), q), q - 1n)
    const square = (root * root) % q
    let other = root
    for (let index = 1; index < n; index++) {
      other = (other * square) % q
      assert.ok(other > root)
    }
  })

  it('turns coefficients to values at powers of the root, bit-reversed, and back', () => {
    const coefficients = words(1)
    kernel.words(a, n).set(coefficients)
    ring.toPoints(a)
    for (const index of [0, 1, 2, 77, n / 2, n - 1]) {
      const x = power(root, BigInt(2 * reverse(index, bits) + 1), q)
      const value = coefficients.reduceRight((sum, coefficient) => (sum * x + coefficient) % q, 0n)
      assert.equal(kernel.words(a, n)[index], value)
    }
    ring.toCoefficients(a)
    assert.deepEqual(kernel.words(a, n), coefficients)
  })

  it('multiplies polynomials modulo X^n + 1', () => {
    const [left, right] = [words(2), words(3)]
    kernel.words(a, n).set(left)
    kernel.words(b, n).set(right)
    ring.toPoints(a)
    ring.toPoints(b)
    ring.multiply(a, a, b)
    ring.toCoefficients(a)
    for (const position of [0, 1, n / 2, n - 1]) {
      let sum = 0n
      for (let index = 0; index < n; index++) {
        const product = (left[index] as bigint) * (right[(position - index + n) % n] as bigint)
        sum += index <= position ? product : -product
      }
      assert.equal(kernel.words(a, n)[position], ((sum % q) + q) % q)
    }
  })

  it('multiplies, adds and scales words', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.bigInt({ min: 0n, max: q - 1n }), (one, two, value) => {
        const [x, y, z] = [words(one), words(two), words(one + two)]
        kernel.words(a, n).set(x)
        kernel.words(b, n).set(y)
        kernel.words(c, n).set(z)
        ring.scale(b, b, ring.factor(value))
        ring.multiplyAdd(c, a, b)
        ring.add(c, a)
        ring.scale(c, c, ring.factor(value))
        ring.subtractScale(c, a, ring.factor(-1n))
        const expected = (at: number) =>
          (x[at]! + q - ((((x[at]! * y[at]! * value + z[at]! + x[at]!) % q) * value) % q)) % q
        for (const index of [0, 1, 2, 3, n - 2, n - 1]) assert.equal(kernel.words(c, n)[index], expected(index))
      }),
      { numRuns: 20 },
    )
  })

  it.each(primes.filter(([, degree]) => degree === n))('converts signed words of prime %s', (other, _, { q: from }) => {
    const values = words(5).map(
      (word, index) => [word % from, from - 1n, from / 2n, from / 2n + 1n, 0n, 1n][index % 6]!,
    )
    kernel.words(a, n).set(values)
    ring.convert(b, a, rings.get(other) as Ring)
    const expected = values.map(value => {
      const signed = value > from / 2n ? value - from : value
      return ((signed % q) + q) % q
    })
    assert.deepEqual(kernel.words(b, n), expected)
  })

  it('replaces X by a power of X', () => {
    const element = 27
    const indices = galoisIndices(n, element)
    const at = kernel.allocate(indices.byteLength)
    kernel.bytes(at, indices.byteLength).set(new Uint8Array(indices.buffer))
    const coefficients = words(6)
    kernel.words(a, n).set(coefficients)
    ring.toPoints(a)
    ring.rotate(b, a, false, at)
    ring.rotate(c, a, true, at)
    const replaced = new BigUint64Array(n)
    coefficients.forEach((value, index) => {
      const exponent = (index * element) % (2 * n)
      replaced[exponent % n] = exponent < n ? value : (q - value) % q
    })
    ring.toCoefficients(b)
    assert.deepEqual(kernel.words(b, n), replaced)
    ring.toCoefficients(c)
    assert.deepEqual(
      kernel.words(c, n),
      replaced.map((value, index) => (value + coefficients[index]!) % q),
    )
  })
})
