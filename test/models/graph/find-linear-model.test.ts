import '../../../src/adapters/onnxruntime/telemetry-off.ts'

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, it } from 'vitest'
import { findLinearModel } from '../../../src/models/graph/find-linear-model.ts'
import type { LinearModel } from '../../../src/models/graph/linear-model.ts'
import { readOnnxModel } from '../../../src/models/graph/read-onnx-model.ts'
import { type Constant, type Node, writeModel } from '../../support/onnx-writer.ts'

const features = 3
const row = [0.5, -2, 3.25]

const constant = (name: string, shape: readonly number[], values: readonly number[]) =>
  ({ name, dtype: 'float32', shape, values }) as const
const ml = (op: string, attributes: NonNullable<Node['attributes']>): Node => ({
  ...{ op, domain: 'ai.onnx.ml', inputs: ['x'], outputs: ['y'], attributes },
})
const weights = [1, 2, 3, -4, 5, -6]
const matrix = constant('w', [3, 2], [1, -4, 2, 5, 3, -6])
const scaling = constant('s', [3], [2, 4, 0.5])
const bias = constant('b', [2], [0.25, -1])

const node = (op: string, inputs: readonly string[], output: string, attributes?: Node['attributes']): Node => ({
  ...{ op, inputs, outputs: [output] },
  ...(attributes && { attributes }),
})

function build(
  nodes: readonly Node[],
  constants: readonly (Constant & { name: string })[] = [],
  classCount = 2,
): Buffer {
  return writeModel({
    opsets: { '': 13, 'ai.onnx.ml': 3 },
    nodes,
    constants,
    inputs: [['x', 'float32', ['batch', features]]],
    outputs: [['y', 'float32', ['batch', classCount]]],
  })
}

const apply = ({ weights: own, bias: offsets, featureCount }: LinearModel, values: readonly number[]) =>
  Array.from(offsets, (offset, index) =>
    values.reduce((sum, value, at) => sum + value * (own[index * featureCount + at] as number), offset),
  )

describe('findLinearModel', () => {
  it.each<[string, readonly Node[], readonly (Constant & { name: string })[]]>([
    ['MatMul and Add', [node('MatMul', ['x', 'w'], 'z'), node('Add', ['b', 'z'], 'y')], [matrix, bias]],
    ['MatMul alone', [node('MatMul', ['x', 'w'], 'y')], [matrix]],
    ['Gemm', [node('Gemm', ['x', 'w', 'b'], 'y', { alpha: { float: 0.5 }, beta: { float: 2 } })], [matrix, bias]],
    [
      'Gemm with transposed weights',
      [node('Gemm', ['x', 'w', 'b'], 'y', { transB: 1 })],
      [constant('w', [2, 3], weights), bias],
    ],
    [
      'scaled features',
      [
        node('Sub', ['x', 's'], 'a'),
        node('Div', ['a', 's'], 'c'),
        node('MatMul', ['c', 'w'], 'z'),
        node('Add', ['z', 'b'], 'y'),
      ],
      [matrix, bias, scaling],
    ],
    [
      'one layer behind the other',
      [node('MatMul', ['x', 'w'], 'z'), node('Mul', ['z', 'b'], 'a'), node('Gemm', ['a', 'v', 'b'], 'y')],
      [matrix, bias, constant('v', [2, 2], [1, 2, 3, 4])],
    ],
    [
      'LinearRegressor',
      [ml('LinearRegressor', { coefficients: { floats: weights }, intercepts: { floats: [1, 2] }, targets: 2 })],
      [],
    ],
    ['negated scores', [node('MatMul', ['x', 'w'], 'z'), node('Neg', ['z'], 'y')], [matrix]],
    ['scores taken from a constant', [node('MatMul', ['x', 'w'], 'z'), node('Sub', ['b', 'z'], 'y')], [matrix, bias]],
    [
      'Scaler',
      [
        { ...ml('Scaler', { offset: { floats: [1, 2, 3] }, scale: { floats: [2, 0.5, 4] } }), outputs: ['a'] },
        node('MatMul', ['a', 'w'], 'y'),
      ],
      [matrix],
    ],
  ])('finds the weights of %s, which give what ONNX Runtime gives', async (_, nodes, constants) => {
    const file = build(nodes, constants)
    const found = findLinearModel(readOnnxModel(file))
    assert.equal(found.kind, 'linear')
    const session = await InferenceSession.create(file)
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.from(row), [1, features]) })
    const scores = apply((found as { model: LinearModel }).model, row)
    assert.equal(scores.length, y?.data.length)
    scores.forEach((score, at) => {
      assert.ok(Math.abs(score - Number(y?.data[at])) < 1e-4, `${score}, ONNX Runtime: ${y?.data[at]}`)
    })
  })

  it('finds the scores behind the probabilities of scikit-learn', async () => {
    const file = readFileSync('test/fixtures/cases/sk_logistic_default/model.onnx')
    const found = findLinearModel(readOnnxModel(file))
    assert.equal(found.kind, 'linear')
    const { model } = found as { model: LinearModel }
    const session = await InferenceSession.create(file)
    for (const values of [
      [5, 3.5, 1.4, 0.2],
      [6, 2.8, 4.5, 1.4],
      [7, 3, 6, 2.2],
    ]) {
      const scores = apply(model, values)
      const input = new Tensor('float32', Float32Array.from(values), [1, 4])
      const { output_label: label } = await session.run({ X: input }, ['output_label'])
      assert.equal(String(label?.data[0]), String(model.labels?.[scores.indexOf(Math.max(...scores))]))
    }
  })

  // As skl2onnx writes an SGDClassifier, Perceptron or linear classifier of two classes.
  it('takes the score, not its negation beside it, of two classes', async () => {
    const file = build(
      [node('MatMul', ['x', 'v'], 's'), node('Mul', ['s', 'minus'], 'n'), node('Concat', ['n', 's'], 'y', { axis: 1 })],
      [constant('v', [3, 1], [1, 2, 3]), constant('minus', [1], [-1])],
    )
    const found = findLinearModel(readOnnxModel(file))
    assert.equal(found.kind, 'linear')
    const session = await InferenceSession.create(file)
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.from(row), [1, features]) })
    assert.deepEqual(apply((found as { model: LinearModel }).model, row), [y?.data[1]])
  })

  it('finds the weights behind a Flatten of images, which give what ONNX Runtime gives', async () => {
    const file = writeModel({
      opsets: { '': 13 },
      nodes: [
        node('Div', ['x', 'most'], 'a'),
        node('Flatten', ['a'], 'f'),
        node('Gemm', ['f', 'w', 'b'], 'y', { transB: 1 }),
      ],
      constants: [constant('most', [], [2]), constant('w', [2, 4], [1, 2, 3, 4, -5, 6, -7, 8]), bias],
      inputs: [['x', 'float32', ['batch', 1, 2, 2]]],
      outputs: [['y', 'float32', ['batch', 2]]],
    })
    const found = findLinearModel(readOnnxModel(file))
    assert.equal(found.kind, 'linear')
    const session = await InferenceSession.create(file)
    const pixels = [1, 0.5, -2, 4]
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.from(pixels), [1, 1, 2, 2]) })
    assert.deepEqual(apply((found as { model: LinearModel }).model, pixels), Array.from(y?.data as Float32Array))
  })

  it('reads weights in double precision', () => {
    const file = readFileSync('test/fixtures/served/sk_logistic_float64/model.onnx')
    const found = findLinearModel(readOnnxModel(file))
    const { model } = found as { model: LinearModel }
    assert.equal(model.bias.length, 3)
    assert.notDeepEqual(model.weights, Float64Array.from(Float32Array.from(model.weights)))
  })

  it.each<[string, Buffer, string]>([
    [
      'a network',
      build([node('MatMul', ['x', 'w'], 'z'), node('Relu', ['z'], 'y')], [matrix]),
      'it has the operator Relu',
    ],
    [
      'a sigmoid between',
      build(
        [node('MatMul', ['x', 'w'], 'z'), node('Sigmoid', ['z'], 'a'), node('Gemm', ['a', 'v'], 'y')],
        [matrix, constant('v', [2, 2], [1, 2, 3, 4])],
      ),
      'it has the operator Gemm',
    ],
    ['products of features', build([node('Mul', ['x', 'x'], 'y')]), '"x" is no constant'],
    [
      'division by scores',
      build([node('MatMul', ['x', 'w'], 'z'), node('Div', ['b', 'z'], 'y')], [matrix, bias]),
      'it divides by features or scores',
    ],
    [
      'a custom operator',
      build([{ ...node('MatMul', ['x', 'w'], 'y'), domain: 'own' }], [matrix]),
      'it has the operator own.MatMul',
    ],
    ['only scaling', build([node('Mul', ['x', 's'], 'y')], [scaling], 3), 'it has no sums of products with weights'],
  ])('says why %s is not linear', (_, file, why) => {
    assert.deepEqual(findLinearModel(readOnnxModel(file)), { kind: 'other', why })
  })
})
