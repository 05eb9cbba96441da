import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { proveRows } from '../../src/adapters/onnxruntime/row-proof.ts'
import { editOnnxModel } from '../../src/models/graph/edit-onnx-model.ts'
import { encodeBytesField, encodeIntegerField, encodeText } from '../../src/models/graph/protobuf.ts'
import { readOnnxModel } from '../../src/models/graph/read-onnx-model.ts'
import { writeModel } from '../support/onnx-writer.ts'
import { makeServices } from '../support/service-folder.ts'

/** TensorProto of two int64 whose contents lie in another file: `external_data` is 13, `data_location` 14 (onnx.proto). */
function shapeIn(location: string, offset: number): Uint8Array {
  const entry = (key: string, value: string) =>
    encodeBytesField(13, encodeBytesField(1, encodeText(key)), encodeBytesField(2, encodeText(value)))
  return encodeBytesField(
    5,
    encodeIntegerField(1, 2),
    encodeIntegerField(2, 7),
    encodeBytesField(8, encodeText('shape')),
    entry('location', location),
    entry('offset', String(offset)),
    entry('length', '16'),
    encodeIntegerField(14, 1),
  )
}

/** Reshapes rows of four to what another file says. */
function reshapeModel(location: string, offset = 8) {
  const plain = writeModel({
    nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
    inputs: [['x', 'float32', ['n', 4]]],
    outputs: [['y', 'float32', ['n', 'rest']]],
  })
  const edit = { replaced: new Map(), appended: [shapeIn(location, offset)] }
  return readOnnxModel(editOnnxModel(readOnnxModel(plain), edit))
}

async function folderWith(test: TestContext, ...shape: bigint[]): Promise<string> {
  const folder = await makeServices({}, test)
  await writeFile(join(folder, 'shapes.bin'), new Uint8Array(BigInt64Array.of(99n, ...shape).buffer))
  return folder
}

describe('proveRows', () => {
  it('reads shapes that lie beside the model', async test => {
    const keeps = await folderWith(test, -1n, 4n)
    assert.deepEqual(proveRows(reshapeModel('shapes.bin'), keeps), {
      kind: 'independent',
      inputs: ['x'],
      rowAxes: new Map([['y', 0]]),
    })
    const mixes = await folderWith(test, -1n, 8n)
    assert.equal(proveRows(reshapeModel('shapes.bin'), mixes).kind, 'dependent')
  })

  it('proves nothing from shapes that it cannot read, or that lie in other folders', async test => {
    const folder = await folderWith(test, -1n, 4n)
    for (const location of ['missing.bin', join(folder, 'shapes.bin'), `../${basename(folder)}/shapes.bin`, ''])
      assert.equal(proveRows(reshapeModel(location), folder).kind, 'dependent', location)
    assert.equal(proveRows(reshapeModel('shapes.bin', 16), folder).kind, 'dependent') // beyond its end
  })
})
