import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { planSlots } from '../../../src/encrypted/ckks/linear-model.ts'

const linear = (classCount: number, featureCount: number, weight = 1, bias = 0) => ({
  weights: new Float64Array(classCount * featureCount).fill(weight),
  bias: new Float64Array(classCount).fill(bias),
  featureCount,
})

describe('planSlots', () => {
  it.each([
    // Rotations of the request, of sums, to add up slots, and to reach further pairs: a key switch each.
    [10, 784, 1 + 3 + 9 + 4],
    [1, 13, 0 + 0 + 4 + 0],
    [2, 4096, 0 + 0 + 12 + 0],
    [1, 1, 0],
    [3, 5000, 1 * 2 + 0 + 11 + 1],
    [33, 64, 1 + 15 + 7 + 16],
  ])('needs few key switches: %i classes of %i features take %i', (classCount, featureCount, expected) => {
    const plan = planSlots(linear(classCount, featureCount))
    const ofRequest = (plan.babyCount - 1) * plan.blockCount
    assert.equal(ofRequest + plan.giantCount - 1 + plan.foldSteps.length + plan.pairCount - 1, expected)
  })

  it('has a scale of 2^44 when nothing is known of the features', () => {
    const { scale, maxScore } = planSlots(linear(10, 784))
    assert.equal(scale, 2 ** 44)
    assert.ok(maxScore > 15_000 && maxScore < 2 ** 15, `${maxScore}`)
  })

  it.each([
    [1, 2 ** 48],
    [255, 2 ** 40],
    [1e6, 2 ** 28],
  ])('has a smaller scale the larger the features are: up to %d', (maxFeature, scale) => {
    const plan = planSlots(linear(10, 784), maxFeature)
    assert.ok(plan.scale <= scale && plan.maxScore > 784 * maxFeature, `2^${Math.log2(plan.scale)}`)
    assert.ok(plan.maxScore / 8 < 784 * maxFeature || plan.scale === 2 ** 48, `${plan.maxScore}`)
  })

  it.each([
    ['8,193 classes', linear(8193, 1), undefined, /up to 8192 classes, the model has 8193/],
    ['no class', linear(0, 3), undefined, /0 classes and 3 features/],
    ['no feature', linear(3, 0), undefined, /3 classes and 0 features/],
    ['weights that are not finite', linear(1, 2, Number.NaN), undefined, /NaN or infinity/],
    [
      'weights that are too large',
      linear(1, 2, 1e5),
      undefined,
      /largest weight is 100000, .* takes up to 11585\.\d+ at the scale 2\^44/,
    ],
    ['a bias that is too large', linear(1, 2, 1, 1e6), undefined, /largest bias is 1000000, .* at the scale 2\^44/],
    [
      'scores that are too large',
      linear(1, 1000, 1),
      1e9,
      /with features up to 1000000000 scores may reach 1000000000000, .* takes up to \d+/,
    ],
  ])('refuses %s', (_, model, maxFeature, message) => {
    assert.throws(() => planSlots(model, maxFeature), { name: 'ServiceLoadError', message })
  })
})
