import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { concatRows, splitRows } from '../../src/tensor/rows.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

describe('splitRows', () => {
  it('gives each caller its own rows, in order', () => {
    const batched = Tensor.from('float32', [
      [1, 2],
      [3, 4],
      [5, 6],
    ])
    const [first, second] = splitRows(batched, [1, 2])
    assert.deepEqual([...(first as Tensor).data], [1, 2])
    assert.deepEqual([...(second as Tensor).data], [3, 4, 5, 6])
    assert.deepEqual((second as Tensor).shape, [2, 2])
  })

  it('names the shape when the rows do not add up', () => {
    assert.throws(() => splitRows(Tensor.from('float32', [[1], [2]]), [1]), /\[2, 1\] into 1 rows/)
  })

  it('undoes concatRows, for numbers, big integers and text', () => {
    const kinds = fc.constantFrom<[Tensor['dtype'], (n: number) => unknown]>(
      ['float64', n => n / 4],
      ['int64', n => BigInt(n)],
      ['string', n => `${n}`],
    )
    fc.assert(
      fc.property(kinds, fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 6 }), ([dtype, make], counts) => {
        let next = 0
        const parts = counts.map(count => {
          const length = count * 3
          const data = Array.from({ length }, () => make(next++))
          return new Tensor(dtype, Tensor.from(dtype, data).data, [count, 3])
        })
        const again = splitRows(concatRows(parts), counts)
        assert.deepEqual(
          again.map(part => [part.shape, [...part.data]]),
          parts.map(part => [part.shape, [...part.data]]),
        )
      }),
    )
  })
})
