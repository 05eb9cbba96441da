import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { beforeAll, describe, it } from 'vitest'
import { checkKeys, checkRequest } from '../../../src/encrypted/ckks/check.ts'
import { CkksEngine } from '../../../src/encrypted/ckks/engine.ts'
import { keyIdPattern } from '../../../src/encrypted/ckks/parameters.ts'
import type { PreparedKeys } from '../../../src/encrypted/ckks/prepared-keys.ts'
import { encodeSlots } from '../../../src/encrypted/ckks/slots.ts'
import { Kernel } from '../../../src/encrypted/kernel.ts'
import { GenuineClient } from '../support/genuine-client.ts'

const secretSeed = Buffer.from(Array.from({ length: 64 }, (_, index) => index))
const read = (name: string) => JSON.parse(readFileSync(`test/fixtures/encrypted/${name}.json`, 'utf8'))

const kernel = await Kernel.create()
const engine = new CkksEngine(kernel)
const client = new GenuineClient(kernel, secretSeed)
let keys: PreparedKeys
beforeAll(() => {
  keys = engine.prepareKeys(checkKeys(client.publicKeys()))
})

/** Numbers that are not random, from -1 to 1. */
const wave = (count: number, phase: number) =>
  Array.from({ length: count }, (_, index) => Math.sin(index * 1.7 + phase))

function linearScores(weights: readonly number[][], bias: readonly number[], features: readonly number[]): number[] {
  return weights.map((row, index) => row.reduce((sum, weight, at) => sum + weight * features[at]!, bias[index]!))
}

function scoreEncrypted(
  weights: readonly number[][],
  bias: readonly number[],
  features: readonly number[],
  { by = client, maxFeature }: { by?: GenuineClient; maxFeature?: number } = {},
) {
  const model = engine.prepareModel(
    { weights: Float64Array.from(weights.flat()), bias: Float64Array.from(bias), featureCount: features.length },
    maxFeature,
  )
  const replies = engine.score(model, checkRequest(by.encrypt(features), features.length), keys)
  return { plan: model.plan, scores: replies.map(reply => by.decrypt(reply)) }
}

function assertClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  assert.equal(actual.length, expected.length)
  expected.forEach((value, index) => {
    assert.ok(Math.abs(actual[index]! - value) <= tolerance, `score ${index} is ${actual[index]}, expected ${value}`)
  })
}

describe('the client of these tests', () => {
  it('decrypts a reply of the package as the package does', () => {
    const { reply, decrypted, coef, features, intercept } = read('reply')
    const score = client.decrypt(Buffer.from(reply, 'base64'))
    assert.ok(Math.abs(score - decrypted) < 1e-12, `${score}`)
    assertClose([score], linearScores([coef], [intercept], features), 1e-6)
  })

  it('has the key id of the package', () => {
    assert.equal(client.keyId, read('digits').key_id)
    assert.match(client.keyId, keyIdPattern)
  })
})

describe('encodeSlots', () => {
  it('makes a polynomial whose value at zeta^(3^j) is slot j', () => {
    const [real, imaginary] = [Float64Array.from(wave(4096, 1)), Float64Array.from(wave(4096, 2))]
    const coefficients = encodeSlots(real, imaginary)
    let exponent = 1
    for (let slot = 0; slot < 6; slot++) {
      let [x, y] = [0, 0]
      coefficients.forEach((value, index) => {
        x += value * Math.cos((Math.PI * ((index * exponent) % 16_384)) / 8192)
        y += value * Math.sin((Math.PI * ((index * exponent) % 16_384)) / 8192)
      })
      assert.ok(Math.abs(x - real[slot]!) < 1e-9 && Math.abs(y - imaginary[slot]!) < 1e-9, `slot ${slot}`)
      exponent = (exponent * 3) % 16_384
    }
  })
})

describe('CkksEngine', () => {
  it("scores the package's request for ten digits", () => {
    const { coef, intercept, features, scores, data } = read('digits')
    const model = engine.prepareModel({
      weights: Float64Array.from(coef.flat()),
      bias: Float64Array.from(intercept),
      featureCount: features.length,
    })
    const replies = engine.score(model, checkRequest(data, features.length), keys)
    assertClose(
      replies.map(reply => client.decrypt(reply)),
      linearScores(coef, intercept, features),
      2e-7,
    )
    assertClose(linearScores(coef, intercept, features), scores, 1e-5)
  })

  it.each([
    [1, 1],
    [1, 13],
    [2, 13],
    [3, 1],
    [3, 5000],
    [10, 64],
    [17, 9],
    [1, 4096],
    [5, 4096],
    [2, 4097],
    [3, 4097],
    [33, 30],
    [3, 8193],
  ])('scores %i classes of %i features', (classCount, featureCount) => {
    const weights = Array.from({ length: classCount }, (_, row) => wave(featureCount, row))
    const features = wave(featureCount, 0.5)
    const { scores } = scoreEncrypted(weights, wave(classCount, 3), features)
    assertClose(scores, linearScores(weights, wave(classCount, 3), features), 1e-6)
  })

  it('scores any small model', () => {
    const number = fc.integer({ min: -1000, max: 1000 }).map(value => value / 64)
    const row = (length: number) => fc.array(number, { minLength: length, maxLength: length })
    const cases = fc
      .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 30 }))
      .chain(([classCount, featureCount]) =>
        fc.record({
          weights: fc.array(row(featureCount), { minLength: classCount, maxLength: classCount }),
          bias: row(classCount),
          features: row(featureCount),
        }),
      )
    fc.assert(
      fc.property(cases, ({ weights, bias, features }) => {
        assertClose(scoreEncrypted(weights, bias, features).scores, linearScores(weights, bias, features), 1e-5)
      }),
      { numRuns: 8 },
    )
  })

  it('scores rows of zeros, and models of zeros', () => {
    const features = wave(20, 1)
    const weights = [wave(20, 2), Array(20).fill(0), wave(20, 3), Array(20).fill(0), Array(20).fill(0)]
    assertClose(
      scoreEncrypted(weights, [1, -2, 3, -4, 5], features).scores,
      linearScores(weights, [1, -2, 3, -4, 5], features),
      1e-6,
    )
    const zeros = Array.from({ length: 3 }, () => Array(20).fill(0))
    assertClose(scoreEncrypted(zeros, [0, -7.25, 1e-3], features).scores, [0, -7.25, 1e-3], 1e-9)
  })

  it('is right up to the largest score of the plan', () => {
    const features = Array(30).fill(255)
    for (const sign of [1, -1]) {
      const probe = scoreEncrypted([features, features], [0, 0], features, { maxFeature: 255 })
      const factor = (sign * probe.plan.maxScore * 0.999) / (30 * 255 * 255)
      const weights = [features.map(value => value * factor), features.map(value => value * -factor)]
      const { scores } = scoreEncrypted(weights, [0, 0], features, { maxFeature: 255 })
      const largest = Math.abs(factor) * 30 * 255 * 255
      assertClose(scores, linearScores(weights, [0, 0], features), largest * 1e-10)
    }
  })

  it('leaves scores that nobody can read if the keys are those of another client', () => {
    const other = new GenuineClient(kernel, Buffer.alloc(64, 9), 'other')
    const { scores } = scoreEncrypted([wave(20, 1)], [0], wave(20, 2), { by: other })
    assert.equal(scores.length, 1)
    assert.ok(Math.abs(scores[0]! - linearScores([wave(20, 1)], [0], wave(20, 2))[0]!) > 1)
  })

  it('answers with ciphertexts of SEAL 3.5 at one prime', () => {
    const model = engine.prepareModel({
      weights: Float64Array.of(1, 2),
      bias: Float64Array.of(3),
      featureCount: 2,
    })
    const [reply] = engine.score(model, checkRequest(client.encrypt([1, 1]), 2), keys)
    const bytes = Buffer.from(reply!)
    const hex = (from: number, to: number) => bytes.subarray(from, to).toString('hex')
    assert.equal(bytes.length, 131_177)
    assert.equal(hex(0, 16), '5ea1100305000000' + '6900020000000000')
    assert.equal(hex(16, 48), '7614ee5cda3ff32ab3769decd18ea7e14d7cba11e9de2aed1a5b05f9f449f994')
    assert.equal(hex(48, 73), '01' + '0200000000000000' + '0020000000000000' + '0100000000000000')
    assert.equal(bytes.readDoubleLE(73), 2 ** 44)
    assert.equal(hex(81, 105), '5ea1100305000000' + '1800020000000000' + '0040000000000000')
  })
})
