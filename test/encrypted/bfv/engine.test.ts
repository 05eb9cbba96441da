import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { BfvClient } from '../../../src/encrypted/bfv/client.ts'
import { BfvEngine, type BfvModel, type BfvReply, checkRequest } from '../../../src/encrypted/bfv/engine.ts'
import { locateScore } from '../../../src/encrypted/bfv/layout.ts'
import { Kernel } from '../../../src/encrypted/kernel.ts'
import { ciphertext, startSeal } from '../support/seal.ts'

const kernel = await Kernel.create()
const engine = new BfvEngine(kernel)
const q = 0x3ffffffffed001n

/** Bytes that look random and are the same in every run. */
function deterministicBytes(name: string) {
  let count = 0
  return (bytes: number) => {
    const parts = Array.from({ length: Math.ceil(bytes / 64) }, () =>
      createHash('sha512').update(`${name} ${count++}`).digest(),
    )
    return Buffer.concat(parts).subarray(0, bytes)
  }
}

const secretSeed = createHash('sha512').update('secret').digest()
const client = new BfvClient(kernel, secretSeed, deterministicBytes('client'))
const secret = (() => {
  const at = kernel.allocate(2048 * 8)
  kernel.bytes(at, 64).set(secretSeed)
  kernel.functions.seed(at)
  kernel.functions.ternary(at, 2048)
  return Array.from(kernel.words(at, 2048), word => BigInt.asIntN(64, word))
})()

const digits = JSON.parse(readFileSync('test/fixtures/encrypted/digits.json', 'utf8'))
const linear = (weights: readonly (readonly number[])[], bias: readonly number[]) => ({
  weights: Float64Array.from(weights.flat()),
  bias: Float64Array.from(bias),
  featureCount: weights[0]!.length,
})

/** What the score is after rounding, in exact integers. */
function integerScores(
  model: BfvModel,
  weights: readonly (readonly number[])[],
  bias: readonly number[],
  features: readonly number[],
) {
  const { featureScale, weightScale } = model.plan
  return weights.map((row, index) => {
    const sum = row.reduce(
      (total, weight, at) =>
        total + BigInt(Math.round(weight * weightScale)) * BigInt(Math.round(features[at]! * featureScale)),
      BigInt(Math.round(bias[index]! * weightScale * featureScale)),
    )
    return Number(sum) / (featureScale * weightScale)
  })
}

function score(model: BfvModel, features: readonly number[]): { reply: BfvReply; scores: number[] } {
  const reply = engine.score(model, checkRequest(client.encrypt(features, model.plan), model.parameterId))
  return { reply, scores: [...client.decrypt(reply, model.plan)] }
}

describe('BfvEngine', () => {
  it('scores ten digits exactly as the rounded weights do', () => {
    const model = engine.prepareModel(linear(digits.coef, digits.intercept), { maxFeature: 16, featureScale: 1 })
    const { reply, scores } = score(model, digits.features)
    assert.deepEqual(scores, integerScores(model, digits.coef, digits.intercept, digits.features))
    digits.scores.forEach((expected: number, index: number) => {
      assert.ok(Math.abs(scores[index]! - expected) < 1e-3)
    })
    assert.equal(reply.polynomials.length, 2048 * 5)
    assert.equal(reply.scores.length, 10)
  })

  it('takes 16,578 bytes for a request', () => {
    const model = engine.prepareModel(linear([[1]], [0]), { maxFeature: 1, featureScale: 1 })
    assert.equal(client.encrypt([1], model.plan).length, 16_578)
  })

  it.each([
    [1, 1, 1],
    [1, 2048, 1],
    [3, 2047, 255],
    [10, 784, 255],
    [2, 1024, 1000],
    [2048, 1, 4],
    [40, 100, undefined],
    [5, 30, undefined],
  ])('is exact for %i classes of %i features, at the scale %s', (classCount, featureCount, featureScale) => {
    const weights = Array.from({ length: classCount }, (_, row) =>
      Array.from({ length: featureCount }, (_, at) => Math.sin(row + 1.3 * at)),
    )
    const bias = weights.map((_, row) => Math.cos(row))
    const features = Array.from({ length: featureCount }, (_, at) => Math.cos(at * 1.1))
    const range = featureScale === undefined ? { maxFeature: 1 } : { maxFeature: 1, featureScale }
    const model = engine.prepareModel(linear(weights, bias), range)
    const { scores } = score(model, features)
    assert.deepEqual(scores, integerScores(model, weights, bias, features))
    weights.forEach((row, index) => {
      const exact = row.reduce((sum, weight, at) => sum + weight * features[at]!, bias[index]!)
      assert.ok(Math.abs(exact - scores[index]!) <= model.plan.maxError)
    })
  })

  it('publishes errors that features can reach, and none where nothing is rounded', () => {
    // At the scale 2^k of weights, 1/3 is off by 1/3 or 2/3 of a step; half a step of a feature times 4/3 is 2/3.
    const { maxError, maxErrorOfMultiples, weightScale } = engine.prepareModel(linear([[1 / 3, 1]], [0]), {
      ...{ maxFeature: 16, featureScale: 1 },
    }).plan
    const ofWeights = 16 * Math.abs(Math.round(weightScale / 3) / weightScale - 1 / 3)
    assert.ok(ofWeights > 0)
    assert.ok(Math.abs(maxErrorOfMultiples - ofWeights) < 1e-12)
    assert.ok(Math.abs(maxError - (2 / 3 + ofWeights)) < 1e-12)
    const whole = engine.prepareModel(linear([[3, -1]], [2]), { maxFeature: 16, featureScale: 1 }).plan
    assert.deepEqual([whole.maxErrorOfMultiples, whole.maxError], [0, 2])
  })

  it('is exact for the largest and the smallest features, and for any weights', () => {
    const number = fc.integer({ min: -100_000, max: 100_000 }).map(value => value / 1000)
    const shape = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 40 }))
    const cases = shape.chain(([classCount, featureCount]) =>
      fc.record({
        weights: fc.array(fc.array(number, { minLength: featureCount, maxLength: featureCount }), {
          minLength: classCount,
          maxLength: classCount,
        }),
        bias: fc.array(number, { minLength: classCount, maxLength: classCount }),
        features: fc.array(fc.constantFrom(-8, 8, 0, 1.5, -7.25), { minLength: featureCount, maxLength: featureCount }),
      }),
    )
    fc.assert(
      fc.property(cases, ({ weights, bias, features }) => {
        const model = engine.prepareModel(linear(weights, bias), { maxFeature: 8, featureScale: 4 })
        assert.deepEqual(score(model, features).scores, integerScores(model, weights, bias, features))
      }),
      { numRuns: 25 },
    )
  })

  it('scores models of zeros', () => {
    const weights = [
      [0, 0, 0],
      [0, 0, 0],
    ]
    const model = engine.prepareModel(linear(weights, [0, 2.5]), { maxFeature: 1, featureScale: 1 })
    assert.deepEqual(score(model, [1, -1, 0]).scores, integerScores(model, weights, [0, 2.5], [1, -1, 0]))
  })

  describe('beside Microsoft SEAL', async () => {
    const { coef, intercept, features } = digits
    const model = engine.prepareModel(linear(coef, intercept), { maxFeature: 16, featureScale: 1 })
    const { plan } = model
    const seal = await startSeal(plan.plainBits, secret)
    const plain = 1n << BigInt(plan.plainBits)

    it('has its parameter id', () => {
      assert.equal(model.parameterId, seal.parameterId)
    })

    it('reads what SEAL encrypts', () => {
      const request = seal.encrypt(features.map((feature: number) => BigInt(feature)))
      const reply = engine.score(model, checkRequest(request, model.parameterId))
      assert.deepEqual([...client.decrypt(reply, plan)], integerScores(model, coef, intercept, features))
    })

    it('writes what SEAL reads: requests of our client, and replies', () => {
      const request = client.encrypt(features, plan)
      const { coefficients, noiseBudget } = seal.decrypt(Buffer.from(request))
      assert.deepEqual(
        coefficients,
        features.slice(0, coefficients.length).map((feature: number) => BigInt(feature)),
      )
      assert.ok(noiseBudget >= 54 - plan.plainBits - 6, `${noiseBudget}`)
      const reply = engine.score(model, checkRequest(request, model.parameterId))
      const c0 = Array<bigint>(2048).fill(0n)
      reply.scores.forEach((word, row) => {
        c0[locateScore(plan, row).coefficient] = word
      })
      const packed = Buffer.from(reply.polynomials)
      const c1 = Array.from({ length: 2048 }, (_, at) => (BigInt(packed.readUIntLE(at * 5, 5)) << 14n) % q)
      const answer = seal.decrypt(ciphertext(model.parameterId, c0, c1)).coefficients
      const scores = digits.coef.map((_: unknown, row: number) => {
        const value = answer[locateScore(plan, row).coefficient] ?? 0n
        return Number(value >= plain / 2n ? value - plain : value) / (plan.weightScale * plan.featureScale)
      })
      assert.deepEqual(scores, integerScores(model, coef, intercept, features))
    })
  })
})

describe('BfvEngine.prepareModel', () => {
  it('chooses scales that leave room for noise', () => {
    const { plan } = engine.prepareModel(linear(digits.coef, digits.intercept), { maxFeature: 16, featureScale: 1 })
    assert.ok(plan.margin >= 13.5 && plan.margin < 13.5 * 4.1, `${plan.margin}`)
    // In experiments with this model 2^19 was safe, and 2^20 was not.
    assert.ok(plan.weightScale >= 2 ** 17 && plan.weightScale <= 2 ** 19, `${plan.weightScale}`)
  })

  it.each([
    [
      '2,049 features',
      linear([Array(2049).fill(1)], [0]),
      { maxFeature: 1 },
      /up to 2048 features, the model has 2049/,
    ],
    ['weights that are not finite', linear([[Number.NaN]], [0]), { maxFeature: 1 }, /NaN or infinity/],
    ['too few weights', { ...linear([[1, 2]], [0]), featureCount: 3 }, { maxFeature: 1 }, /has 3 weights.*got 2/],
    [
      'features without a limit',
      linear([[1]], [0]),
      { maxFeature: Number.POSITIVE_INFINITY },
      /largest feature is Infinity/,
    ],
    [
      'features too wide for the prime',
      linear([Array(2000).fill(1)], [0]),
      { maxFeature: 2 ** 40, featureScale: 1 },
      /at least 7/,
    ],
  ])('refuses %s', (_, model, range, message) => {
    assert.throws(() => engine.prepareModel(model, range), { name: 'ServiceLoadError', message })
  })
})

describe('BfvClient', () => {
  const model = engine.prepareModel(linear([[1, 2]], [0]), { maxFeature: 10, featureScale: 1 })

  it.each([
    [[1], /takes 2 features, got 1/],
    [[1, 10.5], /feature 1 is 10.5, expected a number from -10 to 10/],
    [[Number.NaN, 1], /feature 0 is NaN/],
  ])('refuses the features %j', (features, message) => {
    assert.throws(() => client.encrypt(features, model.plan), { name: 'RangeError', message })
  })

  it('does not read what another client sent', () => {
    const other = new BfvClient(kernel, createHash('sha512').update('other').digest(), deterministicBytes('other'))
    const reply = engine.score(model, checkRequest(client.encrypt([3, 4], model.plan), model.parameterId))
    assert.deepEqual([...client.decrypt(reply, model.plan)], [11])
    assert.notDeepEqual([...other.decrypt(reply, model.plan)], [11])
  })
})
