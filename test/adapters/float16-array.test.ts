import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it, vi } from 'vitest'
import { loadOnnxModel } from '../../src/adapters/onnxruntime/load-onnx-model.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { countBytes } from '../../src/scheduling/inference-request.ts'
import { joinResults, splitResult } from '../../src/scripts/split-result.ts'
import { decodeElements } from '../../src/tensor/element-bytes.ts'
import { encode } from '../../src/tensor/python-json.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { packRequests, unpackRequests } from '../../src/workers/transport/packed-dispatch.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { makeServices } from '../support/service-folder.ts'

// As on Node.js 22. Before the imports, which look for them.
vi.hoisted(() => {
  Reflect.deleteProperty(globalThis, 'Float16Array')
  Reflect.deleteProperty(Math, 'f16round')
})

// IEEE 754 binary16: 1, 0.1 rounded, the largest number, the one nearest to 6e-8, -infinity.
const bits = Uint16Array.of(0x3c00, 0x2e66, 0x7bff, 0x0001, 0xfc00)
const values = [1, 0.0999755859375, 65504, 2 ** -24, Number.NEGATIVE_INFINITY]
const tensor = () => Tensor.from('float16', [1, 0.1, 65504, 6e-8, Number.NEGATIVE_INFINITY])
const bytesOf = ({ data }: Tensor) => {
  const { buffer, byteOffset, byteLength } = data as Uint8Array
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
}

describe('Float16Array, where the language has none', () => {
  it('holds the elements of a tensor by their bits', () => {
    assert.deepEqual([...tensor().data], values)
    assert.deepEqual(bytesOf(tensor()), Buffer.from(bits.buffer))
    assert.deepEqual([...decodeElements('x', 'float16', new Uint8Array(bits.buffer), true)], values)
  })

  it('is written as NumPy writes it, as a tensor and as a list', () => {
    const finite = Tensor.from('float16', [0.1, 0.333, 65504, 6e-8])
    for (const value of [finite, finite.data]) assert.equal(encode(value), '[0.1, 0.333, 65500.0, 6e-08]')
  })

  it('crosses between threads', () => {
    const request = { codec: 'tensors', body: new Uint8Array(), contentType: undefined, tensors: { x: tensor() } }
    assert.equal(countBytes(request), 10)
    const [crossed] = unpackRequests(structuredClone(packRequests([request])))
    assert.deepEqual([...(crossed?.tensors?.x?.data ?? [])], values)
  })

  it('is split among requests and joined again', () => {
    const parts = splitResult(tensor().data, [2, 3])
    assert.deepEqual(
      parts?.map(part => Array.from(part as number[])),
      [values.slice(0, 2), values.slice(2)],
    )
    assert.deepEqual(Array.from(joinResults(parts ?? [], [2, 3]) as number[]), values)
  })

  it('is scored by ONNX Runtime', async test => {
    const root = await makeServices({ 'model.onnx': identityModel('float16', [5]) }, test)
    const model = { name: 'm', path: join(root, 'model.onnx'), sha256: undefined }
    const session = await loadOnnxModel(model, ServiceDefinition.parse({}).accelerator)
    const { y } = await session.run({ x: tensor() })
    assert.equal(y?.dtype, 'float16')
    assert.deepEqual(bytesOf(y as Tensor), Buffer.from(bits.buffer))
  })
})
