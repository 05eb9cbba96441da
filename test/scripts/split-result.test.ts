import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { joinResults, splitResult } from '../../src/scripts/split-result.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { TensorList } from '../../src/tensor/tensor-list.ts'

describe('joinResults', () => {
  it('concatenates tensors, lists and members of objects', () => {
    const first = { score: new Tensor('float32', Float32Array.of(1, 2), [2, 1]), label: ['a', 'b'] }
    const second = { score: new Tensor('float32', Float32Array.of(3), [1, 1]), label: ['c'] }
    assert.deepEqual(joinResults([first, second], [2, 1]), {
      score: new Tensor('float32', Float32Array.of(1, 2, 3), [3, 1]),
      label: ['a', 'b', 'c'],
    })
    assert.deepEqual(joinResults([Float64Array.of(1), Float64Array.of(2, 3)], [1, 2]), Float64Array.of(1, 2, 3))
  })

  it('is undefined for results that do not have one entry per row, or are not alike', () => {
    const text = new Tensor('string', ['a'], [1])
    const wide = new Tensor('float32', Float32Array.of(1, 2), [1, 2])
    const narrow = new Tensor('float32', Float32Array.of(1), [1, 1])
    const unlike: [unknown, unknown][] = [
      [[1], [2, 3]],
      ['a', 'b'],
      [[1], Float32Array.of(1)],
      [Float32Array.of(1), Float64Array.of(1)],
      [wide, narrow],
      [narrow, text],
      [{ a: [1] }, { b: [1] }],
      [{ a: [1] }, { a: [1], b: [1] }],
      [{ a: [1] }, [1]],
      [
        new Tensor('float32', Float32Array.of(1), [1, 1], ['a']),
        new Tensor('float32', Float32Array.of(1), [1, 1], ['b']),
      ],
      [new TensorList([narrow]), new TensorList([narrow, narrow])],
      [new TensorList([narrow]), [narrow]],
      [new TensorList([narrow]), new TensorList([text])],
      [undefined, undefined],
    ]
    for (const results of unlike) assert.equal(joinResults(results, [1, 1]), undefined, JSON.stringify(results))
  })

  it('keeps members with special names', () => {
    const named = JSON.parse('{"__proto__": [1, 2], "constructor": [3, 4]}')
    assert.deepEqual(splitResult(named, [1, 1]), [
      JSON.parse('{"__proto__": [1], "constructor": [3]}'),
      JSON.parse('{"__proto__": [2], "constructor": [4]}'),
    ])
    assert.deepEqual(joinResults(splitResult(named, [1, 1]) as unknown[], [1, 1]), named)
  })

  it('is the inverse of splitResult', () => {
    const leaf = fc.constantFrom('tensor', 'strings', 'list', 'numbers', 'integers', 'classes', 'tensors')
    const counts = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(leaf, leaf, counts, (one, other, rowCounts) => {
        const total = rowCounts.reduce((sum, count) => sum + count)
        const result = { one: made(one, total), nested: { other: made(other, total) } }
        assert.deepEqual(joinResults(splitResult(result, rowCounts) as unknown[], rowCounts), result)
      }),
    )
  })
})

function made(kind: string, rows: number): unknown {
  const numbers = Float32Array.from({ length: rows * 2 }, (_, index) => index)
  if (kind === 'tensor') return new Tensor('float32', numbers, [rows, 2])
  if (kind === 'classes') return new Tensor('float32', numbers, [rows, 2], ['no', 'yes'])
  // As many as rows may well be, and yet no list of rows.
  if (kind === 'tensors')
    return new TensorList([
      new Tensor('float32', numbers, [rows, 2]),
      new Tensor('float32', numbers.slice(0, rows), [rows]),
    ])
  if (kind === 'strings') return new Tensor('string', Array.from(numbers, String), [rows, 2])
  if (kind === 'list') return Array.from({ length: rows }, (_, index) => [index])
  if (kind === 'numbers') return numbers.subarray(0, rows).slice()
  return BigInt64Array.from({ length: rows }, (_, index) => BigInt(index))
}
