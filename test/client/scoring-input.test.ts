import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { encodeInput, type InputOptions, type ScoringInput } from '../../src/client/scoring-input.ts'

const json = { 'content-type': 'application/json' }

describe('encodeInput', () => {
  it.for<[name: string, input: ScoringInput, body: string]>([
    ['text as it is', '{"data": [1.0]}', '{"data": [1.0]}'],
    ['an object as JSON', { data: [[1, 2]], method: 'predict' }, '{"data":[[1,2]],"method":"predict"}'],
    ['rows as data', [[1, 2]], '{"data":[[1,2]]}'],
    ['records as data', [{ age: 34, city: 'Oslo' }], '{"data":[{"age":34,"city":"Oslo"}]}'],
    ['rows that are typed arrays as data', [new Float64Array([0.5])], '{"data":[[0.5]]}'],
  ])('sends %s', ([, input, body]) => {
    assert.deepEqual(encodeInput(input), { body, headers: json, isRepeatable: true })
  })

  it('sends a typed array as the elements of a tensor', () => {
    const { body, headers } = encodeInput(new Float32Array([1, 2, 3, 4]).subarray(1, 3), { shape: [1, 2] })
    assert.deepEqual(new Float32Array((body as Uint8Array).slice().buffer), new Float32Array([2, 3]))
    assert.deepEqual(headers, {
      'content-type': 'application/octet-stream',
      'x-tensor-dtype': 'float32',
      'x-tensor-shape': '1,2',
    })
    assert.equal(encodeInput(new BigInt64Array(1)).headers['x-tensor-dtype'], 'int64')
    assert.equal(encodeInput(new Uint8Array(3), { shape: [1, 3] }).headers['x-tensor-dtype'], 'uint8')
  })

  it('sends bytes as they are, with the type that is given or that a Blob has', () => {
    const octets = { 'content-type': 'application/octet-stream' }
    assert.deepEqual(encodeInput(new Uint8Array([1])).headers, octets)
    assert.deepEqual(encodeInput(new ArrayBuffer(1), { contentType: 'image/png' }).headers, {
      'content-type': 'image/png',
    })
    assert.deepEqual(encodeInput(new Blob(['x'], { type: 'image/jpeg' })).headers, { 'content-type': 'image/jpeg' })
    assert.equal(encodeInput(new Blob(['x']).stream()).isRepeatable, false)
  })

  it.for<[input: unknown, options: InputOptions, message: RegExp]>([
    [undefined, {}, /cannot score undefined/],
    [5, {}, /cannot score a number; give JSON text/],
    [null, {}, /cannot score null/],
    [new Float32Array(3), { shape: [2, 2] }, /the shape \[2, 2\] needs 4 elements; the Float32Array has 3/],
    [[[1]], { shape: [1, 1] }, /shape is for typed arrays/],
    [new DataView(new ArrayBuffer(1)), {}, /a DataView is no tensor/],
  ])('refuses %s with %j', ([input, options, message]) => {
    assert.throws(() => encodeInput(input as ScoringInput, options), { name: 'TypeError', message })
  })
})
