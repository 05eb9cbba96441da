import assert from 'node:assert/strict'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { BfvClient } from '../../../src/encrypted/bfv/client.ts'
import { BfvEngine, checkRequest } from '../../../src/encrypted/bfv/engine.ts'
import { Kernel } from '../../../src/encrypted/kernel.ts'
import { ScoringError } from '../../../src/errors.ts'

const kernel = await Kernel.create()
const engine = new BfvEngine(kernel)
const model = engine.prepareModel(
  { weights: Float64Array.of(1, 2, 3), bias: Float64Array.of(4), featureCount: 3 },
  { maxFeature: 10, featureScale: 1 },
)
const client = new BfvClient(kernel, Buffer.alloc(64, 1), count => Buffer.alloc(count, 7))
const request = Buffer.from(client.encrypt([1, 2, 3], model.plan))

function changed(at: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(request)
  copy.set(bytes, at)
  return copy
}

describe('checkRequest (BFV)', () => {
  it.each([1, 2, 3, 4])('accepts what SEAL 4.%i writes', minor => {
    const copy = Buffer.from(request)
    for (const at of [4, 93, 16_501]) copy[at] = minor
    assert.equal(checkRequest(copy, model.parameterId).words.length, 2048)
  })

  it.each([
    ['a byte less', request.subarray(1), /data: it has 16577 bytes, an encrypted request has 16578/],
    ['bytes behind it', Buffer.concat([request, Buffer.alloc(100)]), /it has 16678 bytes/],
    ['nothing', Buffer.alloc(0), /it has 0 bytes/],
    ['another magic number', changed(0, 0x5f), /magic number is 5f a1, expected 5e a1/],
    ['SEAL 3.5', changed(3, 3, 5), /SEAL version is 03 05/],
    ['SEAL 4.5', changed(4, 5), /SEAL version is 04 05/],
    ['different versions inside', changed(93, 2), /SEAL version is 04 02, expected 04 01/],
    ['zlib', changed(5, 1), /compression mode is 01, expected 00/],
    ['zstd inside', changed(94, 2), /compression mode is 02/],
    ['a reserved field', changed(6, 9), /reserved field is 09 00/],
    ['another size', changed(8, 0), /object size is/],
    [
      'another model',
      changed(16, 0xff),
      /parameter id is ff.*\(hexadecimal bytes\); if the model has been replaced, create the client again/,
    ],
    ['points', changed(48, 1), /NTT form is 01, expected 00/],
    ['three polynomials', changed(49, 3), /number of polynomials is 03/],
    ['another degree', changed(58, 0x10), /degree is 00 10/],
    ['two primes', changed(65, 2), /number of primes is 02/],
    ['a scale', changed(79, 0, 0x40), /scale is/],
    ['a correction factor', changed(81, 5), /correction factor is 05/],
    ['a second polynomial', changed(106, 0x10), /number of words is 00 10/],
    [
      'a word that is the prime',
      changed(113, 0x01, 0xd0, 0xfe, 0xff, 0xff, 0xff, 0x3f, 0),
      /word 0 is not below its prime, 18014398509404161/,
    ],
    ['a word of ones', changed(113 + 2047 * 8, ...Array(8).fill(255)), /word 2047 is not below/],
    ['SHAKE256', changed(16_513, 2), /random number generator is 02, expected 01/],
  ])('refuses %s', (_, bytes, message) => {
    assert.throws(
      () => checkRequest(bytes, model.parameterId),
      (error: unknown) => error instanceof ScoringError && error.status === 400 && message.test(error.message),
    )
  })

  it('refuses a bomb by its size, before anything is inflated', () => {
    const bomb = Buffer.concat([
      request.subarray(0, 5),
      Buffer.of(1),
      request.subarray(6, 16),
      deflateSync(Buffer.alloc(1e7)),
    ])
    assert.throws(() => checkRequest(bomb, model.parameterId), /it has \d+ bytes, an encrypted request has 16578/)
  })

  it('answers a request with changed bytes, or refuses it as the request of the caller', () => {
    const change = fc.record({ at: fc.nat(request.length - 1), byte: fc.nat(255) })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), changes => {
        const copy = Buffer.from(request)
        for (const { at, byte } of changes) copy[at] = byte
        try {
          const reply = engine.score(model, checkRequest(copy, model.parameterId))
          assert.equal(reply.scores.length, 1)
        } catch (error) {
          assert.ok(error instanceof ScoringError && error.code === 'INPUT_INVALID', `${error}`)
        }
      }),
      { numRuns: 300 },
    )
  })
})
