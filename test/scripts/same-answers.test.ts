import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { areSameAnswers, saysSomething } from '../../src/scripts/same-answers.ts'
import type { Dtype } from '../../src/tensor/dtype.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

const tensor = (dtype: Dtype, ...values: unknown[]) => Tensor.from(dtype, values)
const floats = (...values: number[]) => new Tensor('float32', Float32Array.from(values), [values.length])

describe('areSameAnswers', () => {
  it('allows rounding relative to the largest value of a member in all rows', () => {
    // 0.0001 is a tenth of 0.001, and nothing beside 1000 in another row
    assert.equal(areSameAnswers([floats(1000), floats(0.001)], [floats(1000.5), floats(0.0011)]), true)
    assert.equal(areSameAnswers([floats(1000), floats(0.001)], [floats(1002), floats(0.001)]), false)
    assert.equal(areSameAnswers([floats(0.01), floats(0.001)], [floats(0.01), floats(0.0011)]), false)
    assert.equal(areSameAnswers([{ big: [1000], small: [1] }], [{ big: [1000], small: [1.1] }]), false)
  })

  it('allows more rounding for float16', () => {
    assert.equal(areSameAnswers([tensor('float16', 1)], [tensor('float16', 1.04)]), true)
    assert.equal(areSameAnswers([tensor('float16', 1)], [tensor('float16', 1.1)]), false)
  })

  const differences: [string, unknown, unknown][] = [
    ['integers', tensor('int64', 1000n, 1n), tensor('int64', 1000n, 2n)],
    ['texts', tensor('string', 'a'), tensor('string', 'b')],
    ['booleans', tensor('bool', true), tensor('bool', false)],
    ['shapes', tensor('float32', 1), tensor('float32', [1])],
    ['types', tensor('float32', 1), tensor('float64', 1)],
    ['lists', [1, 'a'], [1, 'b']],
    ['lengths', [1], [1, 1]],
    ['members', { a: 1 }, { b: 1 }],
    ['kinds', [1], { 0: 1 }],
    ['NaN and a number', floats(Number.NaN, 1), floats(1, 1)],
    ['infinities', floats(Number.POSITIVE_INFINITY), floats(Number.NEGATIVE_INFINITY)],
    ['nothing and something', null, 0],
  ]
  it.for(differences)('detects %s', ([, one, other]) => {
    assert.equal(areSameAnswers([one], [other]), false)
    assert.equal(areSameAnswers([other], [one]), false)
    assert.equal(areSameAnswers([one, other], [one, other]), true)
  })
})

describe('saysSomething', () => {
  it('is false for an answer of NaN alone', () => {
    const { NaN: none } = Number
    for (const nothing of [floats(none), { a: [none, floats(none, none)] }, Float64Array.of(none), undefined, []])
      assert.equal(saysSomething(nothing), false)
    for (const something of [floats(none, 0), { a: [none, 'x'] }, false, tensor('int64', 0n)])
      assert.equal(saysSomething(something), true)
  })
})
