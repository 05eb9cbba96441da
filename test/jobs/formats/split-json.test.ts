import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { splitAnswer, splitArray, splitObject } from '../../../src/jobs/formats/split-json.ts'

describe('splitArray', () => {
  it('returns the text of each element', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.integer({ min: 0, max: 3 }), (list, indent) => {
        const pieces = splitArray(JSON.stringify(list, null, indent)) as string[]
        assert.deepEqual(
          pieces.map(piece => JSON.parse(piece)),
          JSON.parse(JSON.stringify(list)),
        )
      }),
    )
  })

  it('keeps the spelling of numbers', () => {
    assert.deepEqual(splitArray('[1.0, 9007199254740993, 1e400, NaN, [2.50]]'), [
      '1.0',
      '9007199254740993',
      '1e400',
      'NaN',
      '[2.50]',
    ])
  })

  it('returns undefined for text that is not an array', () => {
    for (const text of ['{}', '1', '"[1]"', 'null']) assert.equal(splitArray(text), undefined)
  })
})

describe('splitObject', () => {
  it('returns the text of each member', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.integer({ min: 0, max: 3 }), (object, indent) => {
        const members = splitObject(JSON.stringify(object, null, indent)) as Map<string, string>
        const expected = JSON.parse(JSON.stringify(object))
        assert.deepEqual([...members.keys()].sort(), Object.keys(expected).sort())
        for (const [name, piece] of members) assert.deepEqual(JSON.parse(piece), expected[name])
      }),
    )
  })
})

describe('splitAnswer', () => {
  it('gives each row its own part of every output', () => {
    assert.deepEqual(splitAnswer('{"label": ["a", "b"], "scores": {"p": [[0.10], [0.2]]}}', 2), [
      '{"label": "a", "scores": {"p": [0.10]}}',
      '{"label": "b", "scores": {"p": [0.2]}}',
    ])
  })

  it('splits inside each tensor of a list, also when the list is as long as the rows', () => {
    const targets = '[[[0.1, 0.9], [0.2, 0.8]], [[1.0], [2.0]]]'
    assert.deepEqual(splitAnswer(`{"label": ["a", "b"], "scores": ${targets}}`, 2, ['scores']), [
      '{"label": "a", "scores": [[0.1, 0.9], [1.0]]}',
      '{"label": "b", "scores": [[0.2, 0.8], [2.0]]}',
    ])
    assert.deepEqual(splitAnswer(targets, 2, ['']), ['[[0.1, 0.9], [1.0]]', '[[0.2, 0.8], [2.0]]'])
    assert.equal(splitAnswer('[[1, 2], [1]]', 2, ['']), undefined)
    assert.equal(splitAnswer('{"scores": 1}', 2, ['scores']), undefined)
  })

  it('returns undefined for answers that do not follow the rows', () => {
    for (const answer of ['[1, 2, 3]', '{"a": [1, 2], "b": 7}', '"two"', '{"a": [1]}']) {
      assert.equal(splitAnswer(answer, 2), undefined, answer)
    }
  })
})
