import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { compareAnswers } from '../../src/inference/compare-answers.ts'
import type { InferenceResult } from '../../src/scheduling/inference-result.ts'

const timings = { queueMs: 0, batchMs: 0, decodeMs: 0, runMs: 0, encodeMs: 0 }
const text = (body: string): InferenceResult => ({ kind: 'encoded', body, timings, rowCount: 1 })
const bytes = (body: string): InferenceResult => ({
  kind: 'bytes',
  body: Buffer.from(body),
  textBytes: 0,
  timings,
  rowCount: 1,
})

describe('compareAnswers', () => {
  it.each([
    ['[1.0, 2.0]', '[1.0, 2.0]', 'same'],
    ['[1000.0]', '[1000.9]', 'close'],
    ['[1000.0]', '[1002.0]', 'different'],
    ['[0.0]', '[0.0000005]', 'close'],
    ['[0.0]', '[0.00001]', 'different'],
    ['{"a": 1, "b": "x"}', '{"b": "x", "a": 1}', 'close'],
    ['{"a": 1}', '{"a": 1, "b": 2}', 'different'],
    ['{"label": "yes"}', '{"label": "no"}', 'different'],
    ['[1]', '{"0": 1}', 'different'],
    ['[NaN]', '[1.0]', 'different'],
    ['null', '0', 'different'],
  ])('%s and %s are %s', (one, other, expected) => {
    assert.equal(compareAnswers(text(one), text(other)), expected)
    assert.equal(compareAnswers(bytes(one), bytes(other)), expected)
  })

  it('does not take an answer for another kind of answer', () => {
    assert.equal(compareAnswers(text('1'), bytes('1')), 'different')
    assert.equal(compareAnswers(text('1'), { kind: 'failure', code: 'INTERNAL', message: '' }), 'different')
    const response = (status: number): InferenceResult => ({
      ...{ kind: 'response', status, headers: [], body: Buffer.from('x'), timings, rowCount: 0 },
    })
    assert.equal(compareAnswers(response(200), response(200)), 'same')
    assert.equal(compareAnswers(response(200), response(404)), 'different')
  })
})
