import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { madeUpRow, splitSample, spreads, variedRow } from '../../src/scripts/made-up-rows.ts'
import { type Dtype, integerRange, typedArrays } from '../../src/tensor/dtype.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

const dtypes = Object.keys(typedArrays) as Dtype[]
const valuesOf = (tensor: Tensor | undefined) => Array.from((tensor as Tensor).data as ArrayLike<unknown>)
const steps = [0, 1, 2, 3, 4, 5, 6, 7]

describe('madeUpRow', () => {
  it.for(dtypes)('returns different rows of one %s each', dtype => {
    const rows = steps.map(step => valuesOf(madeUpRow([{ name: 'x', dtype, shape: ['n', 1] }], 3, 'wide', step).x)[0])
    const differing = new Set(rows)
    assert.ok(differing.size >= (dtype === 'bool' ? 2 : 6), String(rows))
    const [least, most] = integerRange[dtype] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
    if (dtype !== 'string') for (const value of rows) assert.ok(Number(value) >= least && Number(value) <= most)
  })

  it('returns large and small floats of both signs, and never 0', () => {
    const [least, most] = steps
      .flatMap(step => valuesOf(madeUpRow([{ name: 'x', dtype: 'float32', shape: ['n', 4] }], 3, 'wide', step).x))
      .reduce<[number, number]>(
        ([low, high], value) => [Math.min(low, value as number), Math.max(high, value as number)],
        [0, 0],
      )
    assert.ok(least < -1 && most > 100, `${least} to ${most}`)
  })

  it('sets the size of open inner dimensions, and returns one row', () => {
    const inputs = [{ name: 'x', dtype: 'int64', shape: ['n', 'tokens', 5] }] as const
    assert.deepEqual(madeUpRow(inputs, 3, 'wide', 0).x?.shape, [1, 3, 5])
    assert.deepEqual(madeUpRow([{ name: 'x', dtype: 'int64', shape: undefined }], 3, 'wide', 0).x?.shape, [1])
  })

  it('keeps narrow integers small enough for table lookups', () => {
    const least = steps.flatMap(step =>
      valuesOf(madeUpRow([{ name: 'x', dtype: 'int64', shape: [-1, 4] }], 1, 'least', step).x),
    )
    assert.deepEqual([...new Set(least)].toSorted(), [0n, 1n])
  })
})

describe('variedRow', () => {
  it('begins with the row of the sample, and varies it within its types', () => {
    for (const dtype of dtypes) {
      const given = dtype === 'string' ? ['a', 'b'] : dtype === 'bool' ? [true, false] : [3, 7]
      const x = Tensor.from(dtype, [
        dtype.endsWith('64') && dtype !== 'float64' ? given.map(each => BigInt(Number(each))) : given,
      ])
      const sample = splitSample({ x })
      assert.ok(sample)
      for (const spread of spreads) assert.deepEqual(variedRow(sample, spread, 0).x?.data, x.data)
      const varied = steps.map(step => valuesOf(variedRow(sample, 'wide', step).x).join())
      assert.ok(new Set(varied).size > (dtype === 'bool' ? 1 : 4), `${dtype}: ${varied.join(' / ')}`)
      const kept = steps.map(step => valuesOf(variedRow(sample, 'least', step).x).join())
      assert.equal(new Set(kept).size, 1)
    }
  })

  it('uses only texts and integers of the sample when narrow', () => {
    const sample = splitSample({ t: Tensor.from('string', [['a'], ['b']]), i: Tensor.from('int32', [[4], [9]]) })
    assert.ok(sample)
    for (const step of steps) {
      const { t, i } = variedRow(sample, 'narrow', step)
      assert.ok(['a', 'b'].includes(valuesOf(t)[0] as string))
      assert.ok((valuesOf(i)[0] as number) >= 4 && (valuesOf(i)[0] as number) <= 9)
    }
  })
})

describe('splitSample', () => {
  it('is undefined when inputs have no rows or different numbers of rows', () => {
    const rows = (count: number) => new Tensor('float32', new Float32Array(count), [count])
    assert.equal(splitSample({ a: rows(2), b: rows(1) }), undefined)
    assert.equal(splitSample({ a: rows(0), b: rows(0) }), undefined)
    assert.equal(splitSample({ a: new Tensor('float32', new Float32Array(1), []) }), undefined)
    assert.equal(splitSample({ a: rows(2), b: rows(2) })?.rows.length, 2)
  })
})
