import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { describeLoad } from '../../src/inference/load-report-line.ts'

describe('describeLoad', () => {
  it('names the models that were opened from the files of scoring optimize', () => {
    const line = describeLoad(
      {
        scriptKind: 'typed',
        takesHeaders: false,
        executionProvider: 'cpu',
        optimizedAhead: ['resnet', 'head'],
        inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 3] }],
        outputs: [{ name: 'y', dtype: 'float32', shape: [-1] }],
        isBatchable: true,
        notes: [],
        loadMs: 31.4,
        warmUpMs: 4,
      },
      '12',
    )
    assert.equal(
      line,
      'version 12, load 31 ms, warm-up 4 ms, cpu (optimized ahead of time: resnet, head), x float32[-1, 3] -> y float32[-1]',
    )
  })
})
