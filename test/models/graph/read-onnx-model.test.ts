import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { tensorData } from '../../../src/models/graph/onnx-tensor.ts'
import { encodeBytesField, UnreadableOnnx } from '../../../src/models/graph/protobuf.ts'
import { readOnnxModel } from '../../../src/models/graph/read-onnx-model.ts'
import { writeModel } from '../../support/onnx-writer.ts'

const readCase = (name: string) => readOnnxModel(new Uint8Array(readFileSync(`test/fixtures/cases/${name}/model.onnx`)))

describe('readOnnxModel', () => {
  it('gives nodes, types and constants as the file has them', () => {
    const model = readCase('sk_columns_zipmap')
    assert.deepEqual(
      [model.irVersion, [...model.opsets]],
      [
        8,
        [
          ['ai.onnx.ml', 1],
          ['', 11],
        ],
      ],
    )
    assert.deepEqual(
      model.graph.inputs.map(input => [input.name, input.type]),
      [
        ['pclass', { kind: 'tensor', elementType: 7, shape: [null, 1] }],
        ['sex', { kind: 'tensor', elementType: 8, shape: [null, 1] }],
        ['age', { kind: 'tensor', elementType: 1, shape: [null, 1] }],
        ['fare', { kind: 'tensor', elementType: 1, shape: [null, 1] }],
        ['embarked', { kind: 'tensor', elementType: 8, shape: [null, 1] }],
      ],
    )
    const zipMap = model.graph.nodes.find(node => node.operator === 'ZipMap')
    assert.deepEqual([zipMap?.domain, zipMap?.attributes.get('classlabels_int64s')?.ints], ['ai.onnx.ml', [0n, 1n]])
    assert.deepEqual(model.graph.outputs.at(-1)?.type, {
      kind: 'sequence',
      element: { kind: 'map', keyType: 7, value: { kind: 'tensor', elementType: 1, shape: undefined } },
    })
    const [target] = model.graph.initializers
    assert.deepEqual([target?.dims, target && tensorData(target)], [[2], BigInt64Array.of(-1n, 5n)])
  })

  it('keeps the range of every node, so that a copy without it can be written', () => {
    const { bytes, graph } = readCase('sk_columns_zipmap')
    const cut = graph.nodes.find(node => node.operator === 'ZipMap')
    assert.ok(cut)
    const without = readOnnxModel(
      Buffer.concat([
        bytes.subarray(0, graph.range.fieldStart),
        encodeBytesField(
          7,
          bytes.subarray(graph.range.start, cut.range.fieldStart),
          bytes.subarray(cut.range.end, graph.range.end),
        ),
        bytes.subarray(graph.range.end),
      ]),
    )
    assert.deepEqual(
      without.graph.nodes.map(node => node.operator),
      graph.nodes.map(node => node.operator).filter(operator => operator !== 'ZipMap'),
    )
  })

  it('refuses with a reason, never otherwise, what is cut or changed anywhere', () => {
    const bytes = readFileSync('test/fixtures/cases/sk_columns_zipmap/model.onnx')
    const readOrRefuse = (changed: Uint8Array) => {
      try {
        for (const tensor of readOnnxModel(changed).graph.initializers) tensorData(tensor)
      } catch (failure) {
        assert.ok(failure instanceof UnreadableOnnx, String(failure))
      }
    }
    for (let length = 0; length < bytes.length; length++) readOrRefuse(bytes.subarray(0, length))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 8 }), changes => {
        const changed = Uint8Array.from(bytes)
        for (const [at, byte] of changes) changed[at] = byte
        readOrRefuse(changed)
      }),
      { numRuns: 2000 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), readOrRefuse), { numRuns: 2000 })
  })

  it('refuses messages nested without end', () => {
    let type: Uint8Array = new Uint8Array()
    for (let depth = 0; depth < 5000; depth++) type = encodeBytesField(4, encodeBytesField(1, type))
    const input = encodeBytesField(11, encodeBytesField(2, type))
    assert.throws(() => readOnnxModel(encodeBytesField(7, input)), /nests more than 100 messages/)
  })

  it('refuses a file without a graph, and one with two', () => {
    assert.throws(() => readOnnxModel(new Uint8Array()), /holds no graph/)
    const model = writeModel({ nodes: [], inputs: [], outputs: [] })
    assert.throws(() => readOnnxModel(Buffer.concat([model, model])), /gives the graph twice/)
  })

  it('passes over weights', () => {
    const weights = encodeBytesField(9, new Uint8Array(100_000_000))
    const bytes = encodeBytesField(7, encodeBytesField(5, Uint8Array.of(8, 100, 16, 2), weights))
    const { graph } = readOnnxModel(bytes)
    assert.deepEqual([graph.initializers[0]?.dims, graph.initializers[0]?.elementType], [[100], 2])
  })
})
