import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ModelSession } from '../../src/engine/model-session.ts'
import { builtInScript } from '../../src/entry-script/tensor-script.ts'
import { warmUp } from '../../src/entry-script/warm-up.ts'
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

  it('joins rows when runs of all sizes give the same bits', async () => {
    const { model, sizes } = modelWithKernels(Number.NaN)
    assert.equal((await warmUp(builtInScript(model), options)).isBatchable, true)
    for (const size of [1, 2, 4, 8, 16, 20]) assert.ok(sizes.includes(size), `no run of ${size}`)
  })

  for (const size of [2, 8, 20]) {
    it(`joins none when only runs of ${size} rows give other bits`, async () => {
      const { isBatchable, notes } = await warmUp(builtInScript(modelWithKernels(size).model), options)
      assert.equal(isBatchable, false)
      assert.deepEqual(notes, ['no micro-batching: a row is answered differently in company than alone'])
    })
  }
})
