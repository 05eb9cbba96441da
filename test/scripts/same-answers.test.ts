import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { compareAnswers, saysSomething } from '../../src/scripts/same-answers.ts'
import type { Dtype } from '../../src/tensor/dtype.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

const tensor = (dtype: Dtype, ...values: unknown[]) => Tensor.from(dtype, values)
const floats = (...values: number[]) => new Tensor('float32', Float32Array.from(values), [values.length])

const areSame = (alone: readonly unknown[], together: readonly unknown[]) =>
  compareAnswers(alone, together).kind === 'same'

describe('compareAnswers', () => {
  it('allows rounding relative to the largest value of a member in all rows', () => {
    // 0.0001 is a tenth of 0.001, and nothing beside 1000 in another row
    assert.equal(areSame([floats(1000), floats(0.001)], [floats(1000.5), floats(0.0011)]), true)
    assert.equal(areSame([floats(1000), floats(0.001)], [floats(1002), floats(0.001)]), false)
    assert.equal(areSame([floats(0.01), floats(0.001)], [floats(0.01), floats(0.0011)]), false)
    assert.equal(areSame([{ big: [1000], small: [1] }], [{ big: [1000], small: [1.1] }]), false)
  })

  it('allows more rounding for float16', () => {
    assert.equal(areSame([tensor('float16', 1)], [tensor('float16', 1.04)]), true)
    assert.equal(areSame([tensor('float16', 1)], [tensor('float16', 1.1)]), false)
  })

  it('takes members for values, whatever their names are', () => {
    const answer = (value: number) => JSON.parse(`{"constructor": [${value}], "__proto__": [${value}], "toJSON": [1]}`)
    assert.equal(areSame([answer(1)], [answer(1)]), true)
    assert.equal(areSame([answer(1)], [answer(2)]), false)
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
    assert.equal(areSame([one], [other]), false)
    assert.equal(areSame([other], [one]), false)
    assert.equal(areSame([one, other], [one, other]), true)
  })
})

describe('compareAnswers: the size of a difference', () => {
  const sizes: [string, unknown, unknown, ReturnType<typeof compareAnswers>][] = [
    ['is 0 for equal answers', floats(1, 2), floats(1, 2), { kind: 'same', difference: 0 }],
    // 2 ** -23 is the step between 1 and the next float32; the largest number is 2.
    ['is relative', floats(1, 2), floats(1 + 2 ** -23, 2), { kind: 'same', difference: 2 ** -24 }],
    ['is given beyond rounding', [8], [6], { kind: 'different', difference: 0.25 }],
    ['is the largest of all members', { a: [8], b: [4] }, { a: [6], b: [2] }, { kind: 'different', difference: 0.5 }],
    ['is unknown for texts', ['a'], ['b'], { kind: 'different', difference: undefined }],
    ['is unknown for NaN', floats(Number.NaN, 1), floats(1, 1), { kind: 'different', difference: undefined }],
    ['is unknown beside zeros', [0], [1], { kind: 'different', difference: undefined }],
  ]
  it.for(sizes)('%s', ([, one, other, expected]) => {
    assert.deepEqual(compareAnswers([one], [other]), expected)
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
