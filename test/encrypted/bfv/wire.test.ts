import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { BfvReply } from '../../../src/encrypted/bfv/engine.ts'
import type { BfvPlan } from '../../../src/encrypted/bfv/plan.ts'
import {
  decodeBinaryReply,
  decodeLayout,
  decodeReply,
  encodeBase64,
  encodeBinaryReply,
  encodeLayout,
  encodeReply,
} from '../../../src/encrypted/bfv/wire.ts'

const plan: BfvPlan = {
  ...{
    featureCount: 1000,
    classCount: 3,
    classesPerPolynomial: 2,
    plainBits: 27,
    featureScale: 1,
    weightScale: 2 ** 18,
  },
  ...{ maxFeature: 16, wordBytes: 5, maxError: 1e-4, maxErrorOfMultiples: 1e-5, margin: 20 },
}
const id = 'ab'.repeat(32)
const q = 0x3ffffffffed001n

const words = fc.array(fc.bigInt({ min: 0n, max: q - 1n }), { minLength: 3, maxLength: 3 })
const replies = fc.record(
  {
    scores: words.map(values => BigUint64Array.from(values)),
    polynomials: fc.integer().map(seed => Uint8Array.from({ length: 2 * 2048 * 5 }, (_, at) => (seed * (at + 7)) >> 3)),
  },
  { noNullPrototype: true },
)
const reply: BfvReply = { scores: BigUint64Array.of(0n, 7n, q - 1n), polynomials: new Uint8Array(20_480).fill(9) }
const sameModel = { ...encodeReply(reply, plan) }

describe('decodeReply and decodeBinaryReply', () => {
  it('return what was encoded', () => {
    fc.assert(
      fc.property(replies, value => {
        assert.deepEqual(decodeReply(JSON.parse(JSON.stringify(encodeReply(value, plan))), plan), value)
        assert.deepEqual(decodeBinaryReply(encodeBinaryReply(value, plan), plan), value)
      }),
      { numRuns: 20 },
    )
  })

  it.each([
    ['a list', [], /the reply is not a JSON object/],
    ['another scheme', { ...sameModel, scheme: 'ckks' }, /"scheme" is "ckks", expected "bfv"/],
    ['a replaced model', { ...sameModel, weightScale: 2 ** 17 }, /weightScale differs.*create the client again/],
    ['other positions', { ...sameModel, positions: [1, 2, 3] }, /positions differs/],
    ['a score too few', { ...sameModel, scores: ['1', '2'] }, /"scores" is .*, expected 3 numbers/],
    ['a score that is the prime', { ...sameModel, scores: ['1', '2', String(q)] }, /score 2 is not a number below/],
    ['a score that is no text', { ...sameModel, scores: [1, '2', '3'] }, /score 0 is not a number below/],
    ['a negative score', { ...sameModel, scores: ['-1', '2', '3'] }, /score 0 is not/],
    ['other characters', { ...sameModel, polynomials: sameModel.polynomials.replace('C', '-') }, /not 20480 bytes in/],
    [
      'half of the polynomials',
      { ...sameModel, polynomials: encodeBase64(new Uint8Array(10_240)) },
      /not 20480 bytes in/,
    ],
  ])('refuse %s', (_, value, message) => {
    assert.throws(() => decodeReply(value, plan), { name: 'WireError', message })
  })

  it.each([
    ['nothing', () => new Uint8Array(0), /does not begin as one of encrypted scores \(0 bytes\)/],
    ['text', () => new TextEncoder().encode('{"scheme":"bfv"}'.repeat(9)), /does not begin/],
    ['a byte less', () => encodeBinaryReply(reply, plan).subarray(1), /does not begin/],
    ['a byte more', () => Uint8Array.of(...encodeBinaryReply(reply, plan), 0), /has 20537 bytes, expected 20536/],
    ['a replaced model', () => encodeBinaryReply(reply, { ...plan, plainBits: 26 }), /its header differs/],
    ['words above the prime', () => encodeBinaryReply(reply, plan).fill(255, 32, 40), /score 0 is not a number below/],
  ])('refuse bytes: %s', (_, bytes, message) => {
    assert.throws(() => decodeBinaryReply(bytes(), plan), { name: 'WireError', message })
  })
})

describe('decodeLayout', () => {
  const layout = encodeLayout(plan, id, 16_578, ['a', 'b', 'c'])

  it('returns what was published, which says nothing of the weights', () => {
    assert.deepEqual(decodeLayout(JSON.parse(JSON.stringify(layout))), layout)
    assert.deepEqual(Object.keys(layout).sort(), [
      ...[
        'classCount',
        'classesPerPolynomial',
        'coefficientModulus',
        'degree',
        'featureCount',
        'featureScale',
        'labels',
      ],
      ...[
        'maxError',
        'maxErrorOfMultiples',
        'maxFeature',
        'parameterId',
        'plainBits',
        'requestBytes',
        'scheme',
        'weightScale',
        'wordBytes',
      ],
    ])
  })

  it.each([
    [null, /the layout is not a JSON object/],
    [{ ...layout, scheme: 'bgv' }, /"scheme" is "bgv"/],
    [{ ...layout, coefficientModulus: 7 }, /"coefficientModulus" is 7, expected "18014398509404161"/],
    [{ ...layout, featureCount: 2049 }, /"featureCount" is 2049, expected 1 to 2048/],
    [{ ...layout, classesPerPolynomial: 3 }, /"classesPerPolynomial" is 3, expected 1 to 2/],
    [{ ...layout, maxFeature: undefined }, /"maxFeature" is missing, expected a positive number/],
    [{ ...layout, labels: ['a'] }, /"labels" is \["a"\], expected 3 names/],
  ])('refuses %j', (value, message) => {
    assert.throws(() => decodeLayout(value), { name: 'WireError', message })
  })
})

describe('encodeBase64', () => {
  it('writes what Buffer writes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40_000 }),
        bytes => encodeBase64(bytes) === Buffer.from(bytes).toString('base64'),
      ),
      { numRuns: 30 },
    )
  })
})
