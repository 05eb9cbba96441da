import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { Feeds, ModelSession } from '../../src/models/session/model-session.ts'
import type { RowSharing } from '../../src/scripts/row-sharing.ts'
import { builtInScript } from '../../src/scripts/tensor-script.ts'
import { warmUp } from '../../src/scripts/warm-up.ts'
import { type Dtype, typedArrays } from '../../src/tensor/dtype.ts'
import { splitRows } from '../../src/tensor/rows.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

/** Gives its rows back, the last digit off in runs of `oddSize` rows, as a GPU that has another kernel for them. */
function modelWithKernels(oddSize: number): { model: ModelSession; sizes: number[] } {
  const sizes: number[] = []
  const value = { dtype: 'float32', shape: ['batch', 2] } as const
  const model: ModelSession = {
    name: 'm',
    inputs: [{ name: 'x', ...value }],
    outputs: [{ name: 'y', ...value }],
    executionProvider: 'cuda',
    rowProof: { kind: 'independent', inputs: ['x'], rowAxes: new Map() },
    run: async ({ x }) => {
      const { data, shape } = x as Tensor
      const [rows = 0] = shape
      sizes.push(rows)
      const factor = rows === oddSize ? 1 + 2 ** -23 : 1
      return {
        y: new Tensor(
          'float32',
          (data as Float32Array).map(each => each * factor),
          [...shape],
        ),
      }
    },
  }
  return { model, sizes }
}

describe('warmUp on a GPU', () => {
  const options = { sample: '{"data": [[1, 2]]}', maxRows: 20, kernelsVary: true }

  it('shares runs although last digits differ in some', async () => {
    const { model, sizes } = modelWithKernels(8)
    const { sharing, difference } = await warmUp(builtInScript(model), options)
    assert.equal(sharing.kind, 'shared')
    // The model adds 2 ** -23 of a number, rounded to a float32.
    assert.ok(difference !== undefined && difference > 2 ** -24 && difference < 2 ** -22, String(difference))
    for (const size of [1, 2, 4, 8, 16, 20]) assert.ok(sizes.includes(size), `no run of ${size}`)
  })

  it('shares runs with batching.exact if all sizes return the same bits', async () => {
    const { model, sizes } = modelWithKernels(Number.NaN)
    assert.equal((await warmUp(builtInScript(model), { ...options, isExact: true })).sharing.kind, 'shared')
    for (const size of [1, 2, 4, 8, 16, 20]) assert.ok(sizes.includes(size), `no run of ${size}`)
  })

  it.for([2, 8, 20])('shares none with batching.exact if only runs of %i rows return other bits', async size => {
    const { sharing } = await warmUp(builtInScript(modelWithKernels(size).model), { ...options, isExact: true })
    // The model adds 2 ** -23, or 1.19e-7, of a number, rounded to a float32.
    const why =
      /^scoring rows together changes the last digits \(by up to 1\.\de-7 of the largest value\); "batching": \{"exact": false\} allows it$/
    assert.ok(sharing.kind === 'alone')
    assert.match(String(sharing.why), why)
  })
})

/** A model that is said to be proven, as if the proof had a gap; `run` is what it does. */
function provenModel(dtype: Dtype, columns: number | string, run: (x: Tensor) => Tensor): ModelSession {
  const shape = ['batch', columns]
  return {
    name: 'm',
    inputs: [{ name: 'x', dtype, shape }],
    outputs: [{ name: 'y', dtype, shape }],
    executionProvider: 'cpu',
    rowProof: { kind: 'independent', inputs: ['x'], rowAxes: new Map() },
    run: async ({ x }: Feeds) => ({ y: run(x as Tensor) }),
  }
}

const found = async (model: ModelSession, options: { sample?: string; isExact?: boolean } = {}) =>
  (await warmUp(builtInScript(model), { sample: undefined, maxRows: 64, ...options })).sharing

const differs = (sharing: RowSharing): boolean =>
  sharing.kind === 'alone' &&
  /^scoring rows together changes their answers( \(by up to [\d.]+ of the largest value\))?$/.test(String(sharing.why))

describe('warmUp of a model whose graph proves that rows are independent', () => {
  it.for(Object.keys(typedArrays) as Dtype[])('turns sharing off if %s rows affect other answers', async dtype => {
    // The last row is what all rows get: seen only where rows differ.
    const lastToAll = (x: Tensor) => {
      const rows = splitRows(x, new Array(x.rowCount).fill(1))
      const last = rows.at(-1) as Tensor
      const data = x.data.slice() as Float64Array
      for (let index = 0; index < data.length; index++) data[index] = last.data[index % last.data.length] as number
      return new Tensor(dtype, data, x.shape)
    }
    for (const columns of [1, 'columns'] as const)
      assert.ok(differs(await found(provenModel(dtype, columns, lastToAll))))
    const sample = { bool: '[[true], [false]]', string: '[["a"], ["b"]]' }[dtype as 'bool']
    assert.ok(differs(await found(provenModel(dtype, 1, lastToAll), { sample: `{"data": ${sample ?? '[[1], [2]]'}}` })))
    assert.equal((await found(provenModel(dtype, 1, x => x))).kind, 'shared')
  })

  const wide: [name: string, run: (row: number, all: readonly number[]) => number][] = [
    ['divides by the largest where it is above 1', (row, all) => row / Math.max(1, ...all)],
    ['compares with half of the largest', (row, all) => Number(row > 0.5 * Math.max(...all))],
    ['takes the share of the sum', (row, all) => row / all.reduce((sum, each) => sum + each)],
    [
      'adds up the rows before',
      (row, all) => row + all.slice(0, all.indexOf(row)).reduce((sum, each) => sum + each, 0),
    ],
    ['looks whether any is negative', (_, all) => Number(all.some(each => each < 0))],
  ]
  it.for(wide)('turns sharing off if it %s', async ([, run]) => {
    const each = (x: Tensor) => {
      const all = Array.from(x.data as Float32Array)
      return new Tensor(
        'float32',
        Float32Array.from(all, row => run(row, all)),
        x.shape,
      )
    }
    assert.ok(differs(await found(provenModel('float32', 1, each))))
  })

  it('leaves sharing on if no made-up row can be scored, because the graph is the proof', async () => {
    const none = provenModel('float32', 2, () => {
      throw new Error('no such row')
    })
    assert.equal((await found(none)).kind, 'shared')
    assert.deepEqual(await found(none, { isExact: true }), {
      kind: 'alone',
      why: 'batching.exact is set, and no made-up rows could be compared; set a sample (schema.input)',
    })
  })

  it('turns sharing off if rows that can be scored alone fail together', async () => {
    const single = provenModel('float32', 2, x => {
      if (x.rowCount > 1) throw new Error('one at a time')
      return x
    })
    assert.deepEqual(await found(single), { kind: 'alone', why: 'rows that can be scored alone fail together' })
  })

  it('turns sharing off if the answer does not have one entry per row', async () => {
    const first = provenModel('float32', 2, x => splitRows(x, new Array(x.rowCount).fill(1))[0] as Tensor)
    assert.deepEqual(await found(first), { kind: 'alone', why: 'the answer does not have one entry per row' })
  })

  it('turns sharing off if answers cannot be compared', async () => {
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    const script = { ...builtInScript(provenModel('float32', 2, x => x)), run: () => cycle }
    const { sharing } = await warmUp(script, { sample: undefined, maxRows: 64 })
    assert.ok(sharing.kind === 'alone')
    assert.match(
      String(sharing.why),
      /^(rows could not be compared alone and together|the answer does not have one entry per row)/,
    )
  })

  it('does not accept answers of NaN alone as evidence', async () => {
    const nothing = provenModel(
      'float32',
      2,
      x => new Tensor('float32', new Float32Array(x.data.length).fill(Number.NaN), x.shape),
    )
    assert.equal((await found(nothing)).kind, 'shared')
    assert.equal((await found(nothing, { isExact: true })).kind, 'alone')
  })

  it('finds values that a model accepts: indices below 8, an inner size of 32', async () => {
    let most = 0
    const table = provenModel('int64', 'columns', x => {
      const { data, shape } = x as { data: BigInt64Array; shape: readonly number[] }
      if (shape[1] !== 32 || data.some(index => index > 7n)) throw new Error('out of range')
      most = Math.max(most, x.rowCount)
      return x
    })
    assert.equal((await found(table)).kind, 'shared')
    // As many as the time for the comparison allows: 64 on a quiet machine, never below 3.
    assert.ok(most >= 3, `${most} rows ran together`)
  })
})

describe('warmUp of a model without a proof', () => {
  it('returns the reason, and runs no rows together', async () => {
    let most = 0
    const model = provenModel('float32', 2, x => {
      most = Math.max(most, x.rowCount)
      return x
    })
    const reason = 'node "sum" (CumSum) adds up over the axis of the rows'
    const sharing = await found({ ...model, rowProof: { kind: 'dependent', reason } }, { sample: '{"data": [[1, 2]]}' })
    assert.deepEqual(sharing, { kind: 'alone', why: reason })
    assert.equal(most, 1)
  })
})
