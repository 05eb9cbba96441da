import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { classify } from '../../../src/protocols/open-inference/classification.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'

const scores = (rows: number[][], classes?: string[]) =>
  new Tensor('float32', Float32Array.from(rows.flat()), [rows.length, rows[0]?.length ?? 0], classes)

describe('classify', () => {
  it('gives the best classes of each row with their labels, best first', () => {
    const rows = scores(
      [
        [0.25, 0.5, 0.125],
        [4, 1, 2],
      ],
      ['cat', 'dog', 'cow'],
    )
    const { dtype, shape, data } = classify('p', rows, true, 2)
    assert.deepEqual({ dtype, shape }, { dtype: 'string', shape: [2, 2] })
    assert.deepEqual(data, ['0.5:1:dog', '0.25:0:cat', '4.0:0:cat', '2.0:2:cow'])
  })

  it('leaves labels out where classes have no names, and gives no more classes than there are', () => {
    assert.deepEqual(classify('p', scores([[1, 3]]), true, 9).toList(), [['3.0:1', '1.0:0']])
  })

  it('ranks all elements of a tensor without rows', () => {
    const bits = new Tensor('int64', BigInt64Array.of(7n, 9n, 8n, 9n), [2, 2])
    assert.deepEqual(classify('p', bits, false, 3).toList(), ['9:1', '9:3', '8:2'])
  })

  it('takes a single number, whatever the rows are', () => {
    const one = classify('p', new Tensor('float32', Float32Array.of(5), []), true, 2)
    assert.deepEqual([one.data, one.shape], [['5.0:0'], [1]])
  })

  it('finds the best of many, of equal ones the first', () => {
    const row = Float32Array.from({ length: 20_000 }, (_, index) => Math.imul(index, 40_503) % 997)
    row[7] = Number.NaN
    const sorted = Array.from(row, (score, index) => ({ score, index }))
      .filter(({ score }) => !Number.isNaN(score))
      .toSorted((one, other) => other.score - one.score || one.index - other.index)
    for (const count of [1, 3, 1500]) {
      const { data } = classify('p', new Tensor('float32', row, [1, row.length]), true, count)
      assert.deepEqual(
        (data as string[]).map(text => Number(text.split(':')[1])),
        sorted.slice(0, count).map(({ index }) => index),
      )
    }
  })

  it('puts NaN last', () => {
    assert.deepEqual(classify('p', scores([[Number.NaN, -1, 2]]), true, 3).toList(), [['2.0:2', '-1.0:1', 'NaN:0']])
  })

  it('refuses texts, and counts below 1', () => {
    assert.throws(() => classify('p', new Tensor('string', ['a'], [1]), true, 1), { code: 'INPUT_INVALID' })
    for (const count of [0, -1, 1.5])
      assert.throws(() => classify('p', scores([[1]]), true, count), { code: 'INPUT_INVALID' })
  })
})
