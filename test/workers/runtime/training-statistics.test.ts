import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { loadOnnxModel } from '../../../src/adapters/onnxruntime/load-onnx-model.ts'
import { ServiceDefinition } from '../../../src/models/definition/definition.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { writeModel } from '../../support/onnx-writer.ts'
import { makeServices } from '../../support/service-folder.ts'

/** BatchNormalization in training mode with scale and variance 1, bias and mean 0, as layers are made. */
function trainingModel(inputs: readonly string[]): Buffer {
  const constant = (name: string, value: number) =>
    ({ name, dtype: 'float32', shape: [2], values: [value, value] }) as const
  return writeModel({
    opsets: { '': 15 },
    nodes: [
      {
        op: 'BatchNormalization',
        inputs: ['x', ...inputs],
        outputs: ['y', 'running mean', 'running variance'],
        attributes: { training_mode: 1 },
      },
    ],
    inputs: [['x', 'float32', ['n', 2]]],
    outputs: [['y', 'float32', ['n', 2]]],
    constants: [constant('scale', 1), constant('bias', 0), constant('mean', 0), constant('variance', 1)],
  })
}

async function load(test: TestContext, bytes: Buffer) {
  const root = await makeServices({ 'model.onnx': bytes }, test)
  const { accelerator } = ServiceDefinition.parse({})
  return loadOnnxModel({ name: 'm', path: join(root, 'model.onnx'), sha256: undefined }, accelerator)
}

describe('a model in training mode', () => {
  it('answers each request as if it were the first, whatever others have sent', async test => {
    const model = await load(test, trainingModel(['scale', 'bias', 'mean', 'variance']))
    const answer = async (rows: number[][]) => {
      const { y } = await model.run({ x: Tensor.from('float32', rows) })
      return [...(y as Tensor).data].map(Number)
    }
    for (const others of [1, 100, 10_000]) {
      const got = await answer([
        [1, 2],
        [3, 6],
      ])
      // (x - mean) / sqrt(variance + 1e-5), of the two rows: means 2 and 4, variances 1 and 4
      const expected = [-0.999995, -0.99999875, 0.999995, 0.99999875]
      for (const [index, value] of got.entries())
        assert.ok(Math.abs(value - (expected[index] as number)) < 1e-5, `${got}`)
      await answer([
        [others, 0],
        [0, others],
      ])
    }
  })

  it('is refused where its statistics are used elsewhere too', async test => {
    await assert.rejects(load(test, trainingModel(['scale', 'bias', 'bias', 'scale'])), {
      name: 'ServiceLoadError',
      message:
        /^model "m" cannot be served: the BatchNormalization that gives "y" is in training mode, .*inference mode/,
    })
  })
})
