import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { readOnnxModel } from '../../../src/models/graph/read-onnx-model.ts'
import { findKnownTexts, readTypicalValues } from '../../../src/models/graph/typical-values.ts'
import { type Graph, type Node, writeModel } from '../../support/onnx-writer.ts'
import { serve } from '../../support/scoring-scheduler.ts'

const encoder = (from: string, to: string, texts: readonly string[], zeros = 1): Node => ({
  op: 'OneHotEncoder',
  domain: 'ai.onnx.ml',
  inputs: [from],
  outputs: [to],
  attributes: { cats_strings: { texts }, zeros },
})
const column = (name: string) => [name, 'string', ['rows', 1]] as const
const encoded = (name: string) => [name, 'float32', ['rows', 1, 2]] as const

describe('findKnownTexts', () => {
  const find = (nodes: readonly Node[], inputs: readonly string[], constants: Graph['constants'] = []) =>
    Object.fromEntries(
      findKnownTexts(
        readOnnxModel(writeModel({ nodes, constants, inputs: inputs.map(column), outputs: [encoded('y')] })),
      ),
    )

  it('finds the first category of each input that an encoder takes', () => {
    const nodes = [encoder('plan', 'y', ['', 'basic', 'premium']), encoder('region', 'z', ['north', 'south'])]
    assert.deepEqual(find(nodes, ['plan', 'region', 'note']), { plan: 'basic', region: 'north' })
  })

  it('follows columns that are joined and picked again, as skl2onnx writes them', () => {
    const join: Node = { op: 'Concat', inputs: ['plan', 'region'], outputs: ['both'], attributes: { axis: 1 } }
    const pick = (op: string, index: string, to: string): Node => ({ op, inputs: ['both', index], outputs: [to] })
    const nodes = [
      join,
      pick('Gather', 'second', 'b'),
      encoder('b', 'y', ['north']),
      pick('ArrayFeatureExtractor', 'first', 'a'),
      encoder('a', 'z', ['basic']),
      encoder('both', 'w', ['neither']),
    ]
    const index = (name: string, value: number) => ({ name, dtype: 'int64', shape: [1], values: [value] }) as const
    const constants = [index('first', 0), index('second', 1)]
    assert.deepEqual(find(nodes, ['plan', 'region'], constants), { plan: 'basic', region: 'north' })
  })

  it('looks through operators that leave texts as they are, and no others', () => {
    const through = (op: string): Node => ({ op, inputs: ['plan'], outputs: ['same'] })
    assert.deepEqual(find([through('Identity'), encoder('same', 'y', ['basic'])], ['plan']), { plan: 'basic' })
    assert.deepEqual(find([through('StringNormalizer'), encoder('same', 'y', ['basic'])], ['plan']), {})
  })
})

describe('readTypicalValues', () => {
  it('finds the categories of a column that skl2onnx picks out of its own input, and mean and deviation of a scaler', () => {
    const scaler: Node = {
      op: 'Scaler',
      domain: 'ai.onnx.ml',
      inputs: ['income'],
      outputs: ['z'],
      attributes: { offset: { floats: [50_000] }, scale: { floats: [0.001] } },
    }
    const nodes: Node[] = [
      { op: 'Gather', inputs: ['plan', 'first'], outputs: ['picked'], attributes: { axis: 1 } },
      encoder('picked', 'y', ['basic', 'plus']),
      scaler,
    ]
    const constants = [{ name: 'first', dtype: 'int64', shape: [1], values: [0] }] as const
    const inputs = [column('plan'), ['income', 'float32', ['rows', 1]] as const]
    const typical = readTypicalValues(readOnnxModel(writeModel({ nodes, constants, inputs, outputs: [encoded('y')] })))
    assert.deepEqual(typical.get('plan')?.[0]?.texts, ['basic', 'plus'])
    const [income] = typical.get('income') ?? []
    assert.equal(income?.mean, 50_000)
    assert.ok(Math.abs((income?.deviation ?? 0) - 1000) < 0.001)
  })
})

describe('the load report', () => {
  it('has an example of categories that a model accepts, and no others', async test => {
    const model = writeModel({
      nodes: [encoder('plan', 'y', ['basic', 'premium'], 0), { op: 'Identity', inputs: ['income'], outputs: ['same'] }],
      inputs: [column('plan'), ['income', 'float32', ['rows', 1]]],
      outputs: [encoded('y'), ['same', 'float32', ['rows', 1]]],
    })
    const { report } = await serve(test, { 'sut/service.json': {}, 'sut/model.onnx': model })
    assert.equal(report.isSampleScored, true)
    assert.deepEqual(JSON.parse(report.inputSample as string), { data: [{ plan: 'basic', income: 1.5 }] })
    const answer = JSON.parse(report.outputSample as string) as { y: unknown }
    assert.deepEqual(answer.y, [[[1, 0]]])
  })
})
