import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { estimateMemory } from '../../src/adapters/local/model-memory.ts'
import { makeServices } from '../support/service-folder.ts'

describe('estimateMemory', () => {
  it('counts 16 MiB for a worker, and twice the files of the models, with weights beside them', async test => {
    const files = {
      'sut/1/model.onnx': 'x'.repeat(1000),
      'sut/1/model.onnx.data': 'x'.repeat(30_000),
      'sut/2/b.onnx': 'x',
    }
    const root = await makeServices(files, test)
    const models = ['1/model.onnx', '1/other.onnx', '2/b.onnx', '3/gone.onnx'].map(path => ({
      name: path,
      path: `${root}/sut/${path}`,
      sha256: undefined,
    }))
    assert.equal(estimateMemory(models), 16_777_216 + 2 * (1000 + 30_000 + 1))
  })
})
