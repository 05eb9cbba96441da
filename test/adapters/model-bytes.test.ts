import assert from 'node:assert/strict'
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { loadOnnxModel } from '../../src/adapters/onnxruntime/load-onnx-model.ts'
import { ModelFile } from '../../src/adapters/onnxruntime/model-file.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { editOnnxModel, identityNode } from '../../src/models/graph/edit-onnx-model.ts'
import type { OnnxModel } from '../../src/models/graph/onnx-model.ts'
import { tensorData } from '../../src/models/graph/onnx-tensor.ts'
import { encodeBytesField, encodeIntegerField, encodeText } from '../../src/models/graph/protobuf.ts'
import { readOnnxModel } from '../../src/models/graph/read-onnx-model.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { readCase } from '../support/case-models.ts'
import { makeServices } from '../support/service-folder.ts'

const { accelerator } = ServiceDefinition.parse({})
const weights = Float32Array.from({ length: 3 * 2 ** 20 }, (_, index) => index % 4099)

/** A small model with 12 MiB of weights in the middle of its graph; `w` is used, as unused weights are dropped. */
function withWeights(name: string): Buffer {
  const model = readOnnxModel(readCase('cases', name).bytes)
  const dims = encodeIntegerField(1, weights.length)
  const raw = encodeBytesField(9, new Uint8Array(weights.buffer))
  const tensor = encodeBytesField(5, dims, encodeIntegerField(2, 1), encodeBytesField(8, encodeText('w')), raw)
  const appended = [tensor, identityNode('w', 'copy of w')]
  return Buffer.from(editOnnxModel(model, { replaced: new Map(), appended }))
}

async function save(test: TestContext, bytes: Buffer): Promise<string> {
  return join(await makeServices({ 'model.onnx': bytes }, test), 'model.onnx')
}

const weightsOf = (model: OnnxModel, path: string) => {
  const tensor = model.graph.initializers.find(({ name }) => name === 'w')
  return (
    tensor &&
    tensorData(tensor, (location, offset, length) => {
      const bytes = new Uint8Array(length)
      const file = openSync(join(dirname(path), location), 'r')
      readSync(file, bytes, 0, length, offset)
      closeSync(file)
      return bytes
    })
  )
}

describe('ModelBytes', () => {
  it('reads a large file without its weights, which the model then has as external data', async test => {
    const bytes = withWeights('shape_no_shape')
    const path = await save(test, bytes)
    const { model, source } = new ModelFile({ name: 'sut', path, sha256: undefined })
    assert.deepEqual(source, { path })
    const whole = readOnnxModel(bytes)
    assert.deepEqual(
      model.graph.nodes.map(({ operator, inputs }) => [operator, inputs]),
      whole.graph.nodes.map(({ operator, inputs }) => [operator, inputs]),
    )
    const tensor = model.graph.initializers.find(({ name }) => name === 'w')
    assert.equal(tensorData(tensor as NonNullable<typeof tensor>), undefined) // never zeros
    assert.deepEqual(weightsOf(model, path), weights)
  })

  it('completes the bytes for a copy with another graph', async test => {
    const path = await save(test, withWeights('shape_default_given'))
    const { source } = new ModelFile({ name: 'sut', path, sha256: undefined })
    assert.ok('bytes' in source)
    assert.deepEqual(weightsOf(readOnnxModel(source.bytes), path), weights)
    const session = await loadOnnxModel({ name: 'sut', path, sha256: undefined }, accelerator)
    const { y } = await session.run({ x: Tensor.from('float32', [1]) })
    assert.deepEqual(y?.data, Float32Array.of(11))
    await session.release()
  })

  it('says that a file is damaged, wherever it was cut', async test => {
    const bytes = withWeights('shape_no_shape')
    const path = await save(test, bytes)
    for (const length of [bytes.length - 1, bytes.length - 40, 9 * 2 ** 20]) {
      writeFileSync(path, bytes.subarray(0, length))
      assert.throws(() => new ModelFile({ name: 'sut', path, sha256: undefined }), /are no whole ONNX model, as /)
    }
  })
})
