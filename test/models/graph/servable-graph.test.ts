import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { editOnnxModel, identityNode } from '../../../src/models/graph/edit-onnx-model.ts'
import type { OnnxModel } from '../../../src/models/graph/onnx-model.ts'
import { readOnnxModel } from '../../../src/models/graph/read-onnx-model.ts'
import { servableGraph } from '../../../src/models/graph/servable-graph.ts'
import { namesOf, readCase } from '../../support/case-models.ts'

const read = (folder: 'cases' | 'served', name: string) => readOnnxModel(readCase(folder, name).bytes)
const all = (['cases', 'served'] as const).flatMap(folder => namesOf(folder).map(name => ({ folder, name })))

/** What a graph says, without where it stands in its file. */
function contentOf({ graph, opsets, irVersion }: OnnxModel) {
  return {
    nodes: graph.nodes.map(({ operator, inputs, outputs }) => ({ operator, inputs, outputs })),
    inputs: graph.inputs.map(({ name, type }) => ({ name, type })),
    outputs: graph.outputs.map(({ name, type }) => ({ name, type })),
    initializers: graph.initializers.map(({ name, dims }) => ({ name, dims })),
    opsets: [...opsets],
    irVersion,
  }
}

function edited(model: OnnxModel): OnnxModel {
  const { edit } = servableGraph(model)
  return edit ? readOnnxModel(editOnnxModel(model, edit)) : model
}

describe('editOnnxModel', () => {
  it('leaves every byte as it is where nothing changes', () => {
    for (const { folder, name } of all) {
      const model = read(folder, name)
      const copy = editOnnxModel(model, { replaced: new Map(), appended: [] })
      assert.ok(Buffer.from(copy).equals(model.bytes), name)
    }
  })

  it('takes out and puts in what it is told, and nothing else', () => {
    const model = read('cases', 'sk_columns_zipmap')
    const { nodes } = model.graph
    const some = fc.subarray([...nodes.keys()])
    fc.assert(
      fc.property(some, fc.array(fc.string(), { maxLength: 3 }), (taken, added) => {
        const replaced = new Map(taken.map(index => [(nodes[index] as (typeof nodes)[number]).range, []]))
        const appended = added.map(name => identityNode('x', name))
        const before = contentOf(model)
        const kept = before.nodes.filter((_, index) => !taken.includes(index))
        const identities = added.map(name => ({ operator: 'Identity', inputs: ['x'], outputs: [name] }))
        assert.deepEqual(contentOf(readOnnxModel(editOnnxModel(model, { replaced, appended }))), {
          ...before,
          nodes: [...kept, ...identities],
        })
      }),
      { numRuns: 50 },
    )
  })
})

describe('servableGraph', () => {
  it('changes nothing where all inputs and outputs are tensors', () => {
    for (const name of ['cross_basket_share', 'sk_columns_nozipmap', 'shape_no_shape'])
      assert.equal(servableGraph(read('cases', name)).edit, undefined)
  })

  it('puts Identity in place of ZipMap, and keeps the rest', () => {
    const model = read('cases', 'sk_logistic_default')
    const before = contentOf(model)
    const after = contentOf(edited(model))
    assert.deepEqual(
      after.nodes.map(({ operator }) => operator),
      ['LinearClassifier', 'Cast', 'Normalizer', 'Identity'],
    )
    assert.deepEqual(after.nodes.at(-1)?.inputs, before.nodes.at(-1)?.inputs)
    assert.deepEqual(
      after.outputs.map(({ type }) => type?.kind),
      ['tensor', undefined], // as the runtime finds: float32, and float64 where skl2onnx had such columns
    )
    assert.deepEqual(
      [after.inputs, after.initializers, after.opsets],
      [before.inputs, before.initializers, before.opsets],
    )
  })

  it('imports the standard operators where the file has none but those of classifiers', () => {
    const model = read('cases', 'catboost_classifier_binary')
    assert.equal(model.opsets.has(''), false)
    assert.equal(edited(model).opsets.has(''), true)
  })

  it('keeps a sequence that the graph goes on with', () => {
    const { nodes } = contentOf(edited(read('served', 'list_used_inside')))
    assert.deepEqual(
      nodes.map(({ operator }) => operator),
      ['Neg', 'Abs', 'SequenceConstruct', 'Identity', 'Identity', 'SequenceAt'],
    )
  })

  it('leaves no map and no sequence among the outputs', () => {
    for (const { folder, name } of all) {
      for (const { type } of edited(read(folder, name)).graph.outputs)
        assert.equal(type?.kind ?? 'tensor', 'tensor', name)
    }
  })

  it('takes a value for an input of its own from IR version 4 on, where it is small and one of few', () => {
    const given = (folder: 'cases' | 'served', name: string) =>
      servableGraph(read(folder, name)).defaults.map(({ input }) => input.name)
    assert.deepEqual(given('cases', 'shape_default_given'), ['offset'])
    assert.deepEqual(given('served', 'default_of_old_file'), [])
  })
})
