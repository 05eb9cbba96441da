import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { OnnxModel } from '../../../src/models/graph/onnx-model.ts'
import { proveRowIndependence } from '../../../src/models/graph/prove-row-independence.ts'
import { readOnnxModel } from '../../../src/models/graph/read-onnx-model.ts'
import { type Constant, type Graph, type Model, type Node, writeModel } from '../../support/onnx-writer.ts'

type Attributes = NonNullable<Node['attributes']>

const proofOf = (model: Model) => proveRowIndependence(readOnnxModel(writeModel(model)))

const node = (op: string, inputs: string, outputs: string, attributes: Attributes = {}, domain = ''): Node => ({
  op,
  domain,
  inputs: inputs.split(' ').map(name => (name === '-' ? '' : name)),
  outputs: outputs.split(' '),
  attributes,
})
const ints = (name: string, ...values: number[]) => ({ name, dtype: 'int64', shape: [values.length], values }) as const
const int = (name: string, value: number) => ({ name, dtype: 'int64', shape: [], values: [value] }) as const
const floats = (name: string, shape: readonly number[], value = 1) =>
  ({ name, dtype: 'float32', shape, values: Array(shape.reduce((a, b) => a * b, 1)).fill(value) }) as const

interface Trap {
  readonly what: string
  readonly nodes: readonly Node[]
  /** Shape of the input `x`, float32 unless said. */
  readonly x?: readonly (number | string)[]
  readonly type?: 'float32' | 'int64' | 'string' | 'uint8'
  readonly constants?: readonly (Constant & { name: string })[]
  readonly opset?: number
  readonly output?: string
  /** The axis of the rows in the output; else why it is not proven. */
  readonly is: number | RegExp
}

const scalarInner = (name: string): Graph => ({
  nodes: [node('Identity', 'x', name)],
  inputs: [],
  outputs: [[name, 'float32', []]],
})

const traps: readonly Trap[] = [
  // Axes and their defaults
  { what: 'softmax over features', nodes: [node('Softmax', 'x', 'y')], is: 0 },
  {
    what: 'softmax over rows',
    nodes: [node('Softmax', 'x', 'y', { axis: 0 })],
    is: /Softmax.*normalises over the axis of the rows/,
  },
  {
    what: 'softmax over the rows by a negative axis',
    nodes: [node('Softmax', 'x', 'y', { axis: -2 })],
    is: /normalises over the axis of the rows/,
  },
  {
    what: 'softmax of opset 12 flattens from axis 1 on, where the rows are after Transpose',
    x: ['n', 3, 4],
    opset: 12,
    nodes: [node('Transpose', 'x', 't', { perm: [1, 0, 2] }), node('Softmax', 't', 'y')],
    is: /normalises over the axis of the rows/,
  },
  {
    what: 'the same softmax of opset 13 takes the last axis',
    x: ['n', 3, 4],
    nodes: [node('Transpose', 'x', 't', { perm: [1, 0, 2] }), node('Softmax', 't', 'y')],
    is: 1,
  },
  { what: 'ArgMax over axis 0 by default', nodes: [node('ArgMax', 'x', 'y')], is: /ArgMax.*over the axis of the rows/ },
  { what: 'ArgMax over features', nodes: [node('ArgMax', 'x', 'y', { axis: 1, keepdims: 0 })], is: 0 },
  {
    what: 'a mean over everything by default',
    nodes: [node('ReduceMean', 'x', 'y')],
    is: /reduces over the axis of the rows/,
  },
  { what: 'a mean over features', nodes: [node('ReduceMean', 'x', 'y', { axes: [-1] })], is: 0 },
  {
    what: 'a sum over axes that an input names',
    nodes: [node('ReduceSum', 'x axes', 'y')],
    constants: [ints('axes', 0)],
    is: /reduces over the axis of the rows/,
  },
  {
    what: 'a sum over no axes, which is none when the attribute says so',
    nodes: [node('ReduceSum', 'x', 'y', { noop_with_empty_axes: 1 })],
    is: 0,
  },
  {
    what: 'a running sum along the rows',
    nodes: [node('CumSum', 'x axis', 'y')],
    constants: [int('axis', 0)],
    is: /CumSum/,
  },
  { what: 'a running sum along features', nodes: [node('CumSum', 'x axis', 'y')], constants: [int('axis', 1)], is: 0 },
  { what: 'the best three features', nodes: [node('TopK', 'x k', 'v y')], constants: [ints('k', 3)], is: 0 },
  { what: 'the best row', nodes: [node('TopK', 'x k', 'y i', { axis: 0 })], constants: [ints('k', 1)], is: /TopK/ },
  {
    what: 'MeanVarianceNormalization takes axis 0 by default',
    x: ['n', 3, 4, 4],
    nodes: [node('MeanVarianceNormalization', 'x', 'y')],
    is: /normalises over the axis of the rows/,
  },

  // Broadcasting and coincidence
  { what: 'a vector for each feature', nodes: [node('Add', 'x c', 'y')], constants: [floats('c', [4])], is: 0 },
  {
    what: 'a constant of three rows, which runs with one row or three',
    nodes: [node('Add', 'x c', 'y')],
    constants: [floats('c', [3, 4])],
    is: /Add.*another length/,
  },
  {
    what: 'rows against themselves, transposed',
    x: ['n', 1],
    nodes: [node('Transpose', 'x', 't'), node('Sub', 'x t', 'y')],
    is: /another length|other/,
  },
  {
    what: 'a vector against its column',
    x: ['n'],
    nodes: [node('Unsqueeze', 'x one', 'c'), node('Mul', 'x c', 'y')],
    constants: [ints('one', 1)],
    is: /Mul/,
  },
  {
    what: 'Sum of opset 6, which does not stretch',
    opset: 6,
    nodes: [node('Sum', 'x c', 'y')],
    constants: [floats('c', [1, 4])],
    is: /operator sets up to 7/,
  },
  { what: 'a Gram matrix', nodes: [node('Transpose', 'x', 't'), node('MatMul', 'x t', 'y')], is: /pairs every row/ },
  {
    what: 'a sum over rows as a matrix product',
    nodes: [node('Transpose', 'x', 't'), node('MatMul', 't x', 'y')],
    is: /sums over the axis of the rows/,
  },
  { what: 'a dense layer', nodes: [node('MatMul', 'x w', 'y')], constants: [floats('w', [4, 2])], is: 0 },
  {
    what: 'a dense layer from the left',
    nodes: [node('Gemm', 'w x', 'y', { transB: 1 })],
    constants: [floats('w', [2, 4])],
    is: 1,
  },
  {
    what: 'an addend for each of three rows',
    nodes: [node('Gemm', 'x w b', 'y')],
    constants: [floats('w', [4, 2]), floats('b', [3, 2])],
    is: /Gemm/,
  },
  {
    what: 'einsum that keeps the rows',
    nodes: [node('Einsum', 'x w', 'y', { equation: { text: 'nk,km->nm' } })],
    constants: [floats('w', [4, 2])],
    is: 0,
  },
  {
    what: 'einsum that sums over them',
    nodes: [node('Einsum', 'x w', 'y', { equation: { text: 'nk,km->m' } })],
    constants: [floats('w', [4, 2])],
    is: /sums over/,
  },
  {
    what: 'einsum that pairs them',
    nodes: [node('Einsum', 'x x', 'y', { equation: { text: 'ik,jk->ij' } })],
    is: /pairs every row/,
  },

  // Positions of rows
  {
    what: 'the last row for all',
    nodes: [node('Gather', 'x i', 'y')],
    constants: [ints('i', -1)],
    is: /picks rows by their position/,
  },
  {
    what: 'an embedding',
    type: 'int64',
    nodes: [node('Gather', 'table x', 'y')],
    constants: [floats('table', [9, 2])],
    is: 0,
  },
  {
    what: 'rows looked up by what rows say',
    x: ['n'],
    nodes: [node('Cast', 'x', 'i', { to: 7 }), node('Gather', 'x i', 'y')],
    is: /as indexes into the rows/,
  },
  {
    what: 'all rows but the first',
    nodes: [node('Slice', 'x a b z', 'y')],
    constants: [ints('a', 1), ints('b', 2 ** 31), ints('z', 0)],
    is: /picks rows by their position/,
  },
  {
    what: 'two features',
    nodes: [node('Slice', 'x a b z', 'y')],
    constants: [ints('a', 1), ints('b', 3), ints('z', 1)],
    is: 0,
  },
  {
    what: 'rows in reverse',
    nodes: [node('Slice', 'x a b z s', 'y')],
    constants: [ints('a', -1), ints('b', -(2 ** 31)), ints('z', 0), ints('s', -1)],
    is: /position/,
  },
  {
    what: 'a row in front of the others',
    nodes: [node('Concat', 'x c', 'y', { axis: 0 })],
    constants: [floats('c', [1, 4])],
    is: /Concat/,
  },
  {
    what: 'all rows twice, one after the other',
    nodes: [node('Concat', 'x x', 'y', { axis: 0 })],
    is: /several entries for each row/,
  },
  {
    what: 'all rows twice, and apart again',
    nodes: [
      node('Concat', 'x x', 'c', { axis: 0 }),
      node('Reshape', 'c s', 'r'),
      node('ReduceSum', 'r zero', 'y', { keepdims: 0 }),
    ],
    constants: [ints('s', 2, -1, 4), ints('zero', 0)],
    is: 0,
  },
  {
    what: 'all rows twice, in pairs',
    nodes: [
      node('Concat', 'x x', 'c', { axis: 0 }),
      node('Reshape', 'c s', 'r'),
      node('ReduceSum', 'r one', 'y', { keepdims: 0 }),
    ],
    constants: [ints('s', -1, 2, 4), ints('one', 1)],
    is: /Reshape/,
  },
  {
    what: 'one constant row beside the others',
    nodes: [node('Concat', 'x c', 'y', { axis: 1 })],
    constants: [floats('c', [1, 4])],
    is: /Concat/,
  },
  {
    what: 'a row of zeros at the end',
    nodes: [node('Pad', 'x p', 'y')],
    constants: [ints('p', 0, 0, 1, 0)],
    is: /pads/,
  },
  {
    what: 'a feature of zeros at the end',
    nodes: [node('Pad', 'x p', 'y')],
    constants: [ints('p', 0, 0, 0, 1)],
    is: 0,
  },
  { what: 'rows twice', nodes: [node('Tile', 'x r', 'y')], constants: [ints('r', 2, 1)], is: /repeats the rows/ },
  {
    what: 'dropping axes of length one, whichever',
    x: ['n', 1],
    nodes: [node('Squeeze', 'x', 'y')],
    is: /when there is one row/,
  },
  {
    what: 'dropping the second axis',
    x: ['n', 1],
    nodes: [node('Squeeze', 'x z', 'y')],
    constants: [ints('z', 1)],
    is: 0,
  },
  {
    what: 'positions of maxima count through all rows',
    x: ['n', 3, 8, 8],
    nodes: [node('MaxPool', 'x', 'v y', { kernel_shape: [2, 2] })],
    is: /count through all rows/,
  },
  {
    what: 'a pool whose positions are not read',
    x: ['n', 3, 8, 8],
    nodes: [node('MaxPool', 'x', 'y i', { kernel_shape: [2, 2] })],
    is: 0,
  },
  { what: 'positions of what is not zero', nodes: [node('NonZero', 'x', 'y')], is: /NonZero/ },

  // Reshape
  {
    what: 'two numbers a row joined to pairs',
    nodes: [node('Reshape', 'x s', 'y')],
    x: ['n', 3],
    constants: [ints('s', -1, 2)],
    is: /Reshape/,
  },
  {
    what: 'a batch of one that is all rows',
    nodes: [node('Reshape', 'x s', 'r'), node('Softmax', 'r', 'y')],
    constants: [ints('s', 1, -1)],
    is: /Softmax.*axis of the rows/,
  },
  {
    what: 'heads of attention',
    x: ['n', 's', 768],
    nodes: [node('Reshape', 'x s1', 'r'), node('Transpose', 'r', 'y', { perm: [0, 2, 1, 3] })],
    constants: [ints('s1', 0, 0, 12, 64)],
    is: 0,
  },
  {
    what: 'tokens folded into the rows and out again',
    x: ['n', 16, 8],
    nodes: [node('Reshape', 'x flat', 'f'), node('MatMul', 'f w', 'm'), node('Reshape', 'm back', 'y')],
    constants: [ints('flat', -1, 8), floats('w', [8, 8]), ints('back', -1, 16, 8)],
    is: 0,
  },
  {
    what: 'a sequence length that the exporter wrote into the target',
    x: ['n', 's', 16],
    nodes: [
      node('Transpose', 'x', 't', { perm: [1, 0, 2] }),
      node('Shape', 't', 'sizes'),
      node('Gather', 'sizes one', 'n'),
      node('Mul', 'n two', 'heads'),
      node('Concat', 'seven heads eight', 'target', { axis: 0 }),
      node('Reshape', 't target', 'r'),
      node('Reshape', 'r back', 'b'),
      node('Transpose', 'b', 'y', { perm: [1, 0, 2] }),
    ],
    constants: [ints('one', 1), ints('two', 2), ints('seven', 7), ints('eight', 8), ints('back', 7, -1, 16)],
    is: 0,
  },
  {
    what: 'tokens that stay folded',
    x: ['n', 16, 8],
    nodes: [node('Reshape', 'x flat', 'y')],
    constants: [ints('flat', -1, 8)],
    is: /several entries for each row/,
  },
  {
    what: 'rows folded by time, beside rows folded by row',
    x: ['n', 4, 8],
    nodes: [
      node('Transpose', 'x', 't', { perm: [1, 0, 2] }),
      node('Reshape', 't s', 'a'),
      node('Reshape', 'x s', 'b'),
      node('Add', 'a b', 'y'),
    ],
    constants: [ints('s', -1, 8)],
    is: /different orders/,
  },
  {
    what: 'everything after a CNN, flattened by a number',
    x: ['n', 1, 10, 10],
    nodes: [node('MaxPool', 'x', 'p', { kernel_shape: [2, 2], strides: [2, 2] }), node('Reshape', 'p s', 'y')],
    constants: [ints('s', -1, 25)],
    is: 0,
  },
  {
    what: 'everything after a CNN, flattened by a wrong number',
    x: ['n', 1, 10, 10],
    nodes: [node('MaxPool', 'x', 'p', { kernel_shape: [2, 2], strides: [2, 2] }), node('Reshape', 'p s', 'y')],
    constants: [ints('s', -1, 50)],
    is: /Reshape/,
  },

  // The number of rows as data
  {
    what: 'division by the number of rows',
    nodes: [
      node('Shape', 'x', 's'),
      node('Gather', 's zero', 'n'),
      node('Cast', 'n', 'f', { to: 1 }),
      node('Div', 'x f', 'y'),
    ],
    constants: [int('zero', 0)],
    is: /computes with the number of rows/,
  },
  {
    what: "the rows' numbers as a feature",
    x: ['n'],
    nodes: [
      node('Shape', 'x', 's'),
      node('Squeeze', 's', 'n'),
      node('Range', 'zero n one', 'r'),
      node('Cast', 'r', 'f', { to: 1 }),
      node('Add', 'x f', 'y'),
    ],
    constants: [int('zero', 0), int('one', 1)],
    is: /Range.*counts the rows/,
  },
  {
    what: 'a fresh state for every row',
    nodes: [node('Shape', 'x', 's'), node('ConstantOfShape', 's', 'z'), node('Add', 'x z', 'y')],
    is: 0,
  },
  { what: 'the number of rows itself', nodes: [node('Shape', 'x', 'y')], is: /computed from the number of rows/ },
  {
    what: 'a target computed from the shape',
    x: ['n', 2, 6],
    nodes: [
      node('Shape', 'x', 's'),
      node('Gather', 's zero', 'n'),
      node('Concat', 'n rest', 't', { axis: 0 }),
      node('Reshape', 'x t', 'y'),
    ],
    constants: [ints('zero', 0), ints('rest', -1)],
    is: 0,
  },
  {
    what: 'a branch for a single row',
    x: ['n', 4],
    nodes: [
      node('Shape', 'x', 's'),
      node('Gather', 's zero', 'n'),
      node('Equal', 'n one', 'is'),
      node('If', 'is', 'y', { then_branch: { graph: scalarInner('a') }, else_branch: { graph: scalarInner('b') } }),
    ],
    constants: [int('zero', 0), int('one', 1)],
    is: /computes with the number of rows/,
  },
  {
    what: 'a branch for a known axis',
    x: ['n', 4],
    nodes: [
      node('Shape', 'x', 's'),
      node('Gather', 's axis', 'n'),
      node('Equal', 'n one', 'is'),
      node('If', 'is', 'y', { then_branch: { graph: scalarInner('a') }, else_branch: { graph: scalarInner('b') } }),
    ],
    constants: [int('axis', 1), int('one', 1)],
    is: 0,
  },
  {
    what: 'a branch that the rows decide',
    nodes: [
      node('ReduceMax', 'x', 'm', { keepdims: 0 }),
      node('Greater', 'm one', 'is'),
      node('If', 'is', 'y', { then_branch: { graph: scalarInner('a') }, else_branch: { graph: scalarInner('b') } }),
    ],
    constants: [{ name: 'one', dtype: 'float32', shape: [], values: [1] }],
    is: /ReduceMax/,
  },

  // Loops
  {
    what: 'a loop that doubles every row',
    nodes: [
      node('Loop', 'rounds - x', 'y', {
        body: {
          graph: {
            nodes: [node('Add', 'v v', 'w'), node('Identity', 'go', 'on')],
            inputs: [
              ['i', 'int64', []],
              ['go', 'bool', []],
              ['v', 'float32', ['a', 4]],
            ],
            outputs: [
              ['on', 'bool', []],
              ['w', 'float32', ['a', 4]],
            ],
          },
        },
      }),
    ],
    constants: [int('rounds', 3)],
    is: 0,
  },
  {
    what: 'a loop that subtracts the mean of all rows',
    nodes: [
      node('Loop', 'rounds - x', 'y', {
        body: {
          graph: {
            nodes: [node('ReduceMean', 'v', 'm'), node('Sub', 'v m', 'w'), node('Identity', 'go', 'on')],
            inputs: [
              ['i', 'int64', []],
              ['go', 'bool', []],
              ['v', 'float32', ['a', 4]],
            ],
            outputs: [
              ['on', 'bool', []],
              ['w', 'float32', ['a', 4]],
            ],
          },
        },
      }),
    ],
    constants: [int('rounds', 3)],
    is: /ReduceMean/,
  },
  {
    what: 'a scan along the rows that measures each against constants',
    nodes: [
      node('Scan', 'x', 'y', {
        num_scan_inputs: 1,
        body: {
          graph: {
            nodes: [node('Sub', 'row c', 'd'), node('ReduceSum', 'd', 'e', { keepdims: 0 })],
            inputs: [['row', 'float32', [4]]],
            outputs: [['e', 'float32', []]],
          },
        },
      }),
    ],
    constants: [floats('c', [5, 4])],
    is: 0,
  },
  {
    what: 'a scan along the rows that measures each against all',
    nodes: [
      node('Scan', 'x', 'y', {
        num_scan_inputs: 1,
        body: {
          graph: {
            nodes: [node('Sub', 'row x', 'd'), node('ReduceSum', 'd', 'e', { keepdims: 0 })],
            inputs: [['row', 'float32', [4]]],
            outputs: [['e', 'float32', []]],
          },
        },
      }),
    ],
    is: /carries a state from row to row/,
  },
  {
    what: 'a scan that adds up the rows',
    nodes: [
      node('Scan', 'zero x', 'sum y', {
        num_scan_inputs: 1,
        body: {
          graph: {
            nodes: [node('Add', 'sum row', 'next'), node('Identity', 'next', 'each')],
            inputs: [
              ['sum', 'float32', [4]],
              ['row', 'float32', [4]],
            ],
            outputs: [
              ['next', 'float32', [4]],
              ['each', 'float32', [4]],
            ],
          },
        },
      }),
    ],
    constants: [floats('zero', [4], 0)],
    is: /carries a state from row to row/,
  },

  // Looks per row and is not
  {
    what: 'dynamic quantisation',
    nodes: [node('DynamicQuantizeLinear', 'x', 'y scale zero')],
    is: /one scale from all rows/,
  },
  {
    what: 'stop words',
    type: 'string',
    x: ['n'],
    nodes: [node('StringNormalizer', 'x', 'y', { stopwords: { texts: ['the'] } })],
    is: /stop words/,
  },
  {
    what: 'lower case',
    type: 'string',
    x: ['n'],
    nodes: [node('StringNormalizer', 'x', 'y', { case_change_action: { text: 'LOWER' } })],
    is: 0,
  },
  {
    what: 'words of each row',
    type: 'string',
    x: ['n'],
    opset: 20,
    nodes: [node('StringSplit', 'x', 'y counts')],
    is: /as wide as its longest row/,
  },
  {
    what: 'the number of words of each row',
    type: 'string',
    x: ['n'],
    opset: 20,
    nodes: [node('StringSplit', 'x', 'words y')],
    is: 0,
  },
  {
    what: 'statistics of a batch in training',
    x: ['n', 3, 4],
    opset: 15,
    nodes: [node('BatchNormalization', 'x c c c c', 'y', { training_mode: 1 })],
    constants: [floats('c', [3])],
    is: /training mode/,
  },
  {
    what: 'statistics from training',
    x: ['n', 3, 4],
    nodes: [node('BatchNormalization', 'x c c c c', 'y')],
    constants: [floats('c', [3])],
    is: 0,
  },
  {
    what: 'dropout that trains',
    nodes: [node('Dropout', 'x ratio mode', 'y')],
    constants: [
      { name: 'ratio', dtype: 'float32', shape: [], values: [0.5] },
      { name: 'mode', dtype: 'bool', shape: [], values: [1] },
    ],
    is: /training mode/,
  },
  { what: 'dropout as exported', nodes: [node('Dropout', 'x', 'y')], is: 0 },
  {
    what: 'random numbers',
    nodes: [node('RandomNormalLike', 'x', 'r'), node('Add', 'x r', 'y')],
    is: /draws random numbers/,
  },
  {
    what: 'random numbers of a fixed shape',
    nodes: [node('RandomNormal', 'x', 'r', { shape: [4] }), node('Add', 'x r', 'y')].map(each =>
      each.op === 'RandomNormal' ? { ...each, inputs: [] } : each,
    ),
    is: /draws random numbers/,
  },
  {
    what: 'scales for each of the rows',
    type: 'uint8',
    x: ['n', 4],
    nodes: [node('DequantizeLinear', 'x s', 'y', { axis: 0 })],
    constants: [floats('s', [3])],
    is: /has scales over the axis of the rows/,
  },
  {
    what: 'an LSTM that runs along the rows',
    x: ['n', 5, 4],
    nodes: [node('LSTM', 'x w r', 'y', { hidden_size: 2 })],
    constants: [floats('w', [1, 8, 4]), floats('r', [1, 8, 2])],
    is: /batch axis/,
  },
  {
    what: 'an LSTM after Transpose, whose last state has rows on axis 1',
    x: ['n', 5, 4],
    nodes: [node('Transpose', 'x', 't', { perm: [1, 0, 2] }), node('LSTM', 't w r', 'all y', { hidden_size: 2 })],
    constants: [floats('w', [1, 8, 4]), floats('r', [1, 8, 2])],
    is: 1,
  },
  {
    what: 'a constant answer',
    nodes: [node('Identity', 'c', 'y')],
    constants: [floats('c', [4])],
    is: /does not depend on the rows/,
  },
  { what: 'an unknown operator', nodes: [node('Mystery', 'x', 'y')], is: /Mystery.*no rule/ },
  {
    what: 'an operator set that is newer than the rules',
    opset: 27,
    nodes: [node('Relu', 'x', 'y')],
    is: /operator set 27/,
  },
]

describe('proveRowIndependence', () => {
  for (const { what, nodes, x = ['n', 4], type = 'float32', constants, opset = 13, output = 'y', is } of traps) {
    it(`${is instanceof RegExp ? 'refuses' : 'proves'} ${what}`, () => {
      const proof = proofOf({
        nodes,
        inputs: [['x', type, x]],
        outputs: [[output, 'float32', []]],
        constants,
        opsets: { '': opset },
      })
      if (is instanceof RegExp) {
        assert.equal(proof.kind, 'dependent')
        assert.match(proof.reason, is)
      } else {
        assert.deepEqual(proof.kind === 'independent' ? [...proof.rowAxes] : proof.reason, [[output, is]])
      }
    })
  }

  const tableModel = (op: string, shape: readonly (number | string)[], attributes: Attributes): Model => ({
    nodes: [node(op, 'x', 'y', attributes, 'ai.onnx.ml')],
    inputs: [['x', 'float32', shape]],
    outputs: [['y', 'float32', []]],
    opsets: { '': 13, 'ai.onnx.ml': 3 },
  })

  it('takes a vector for one row in ai.onnx.ml, and a table for rows', () => {
    const attributes = { norm: { text: 'MAX' } }
    assert.equal(proofOf(tableModel('Normalizer', ['n', 3], attributes)).kind, 'independent')
    const vector = proofOf(tableModel('Normalizer', ['n'], attributes))
    assert.match(vector.kind === 'dependent' ? vector.reason : '', /reads a vector as one row/)
  })

  it('gives one map a row for ZipMap', () => {
    const proof = proofOf(tableModel('ZipMap', ['n', 2], { classlabels_int64s: [0, 1] }))
    assert.deepEqual(proof.kind === 'independent' && [...proof.rowAxes], [['y', 0]])
  })

  it('looks into functions, with the attributes that their callers give', () => {
    const model = (axis: number): Model => ({
      nodes: [node('MySoftmax', 'x', 'y', { along: axis }, 'mine')],
      inputs: [['x', 'float32', ['n', 4]]],
      outputs: [['y', 'float32', []]],
      opsets: { '': 13, mine: 1 },
      functions: [
        {
          domain: 'mine',
          name: 'MySoftmax',
          inputs: ['a'],
          outputs: ['b'],
          attributes: ['along'],
          nodes: [node('Softmax', 'a', 'b', { axis: { reference: 'along' } })],
        },
      ],
    })
    assert.equal(proofOf(model(1)).kind, 'independent')
    const refused = proofOf(model(0))
    assert.match(refused.kind === 'dependent' ? refused.reason : '', /normalises over the axis of the rows/)
  })

  it('ends when functions call each other without end', () => {
    const proof = proofOf({
      nodes: [node('Again', 'x', 'y', {}, 'mine')],
      inputs: [['x', 'float32', ['n', 4]]],
      outputs: [['y', 'float32', []]],
      opsets: { '': 13, mine: 1 },
      functions: [
        {
          domain: 'mine',
          name: 'Again',
          inputs: ['a'],
          outputs: ['c'],
          nodes: [node('Again', 'a', 'b', {}, 'mine'), node('Again', 'b', 'c', {}, 'mine')],
        },
      ],
    })
    assert.equal(proof.kind, 'dependent')
  })

  it('names the node and its operator', () => {
    const proof = proofOf({
      nodes: [{ ...node('Softmax', 'x', 'y', { axis: 0 }), name: 'Softmax_3' }],
      inputs: [['x', 'float32', ['n', 4]]],
      outputs: [['y', 'float32', []]],
    })
    assert.deepEqual(proof, {
      kind: 'dependent',
      reason: 'node "Softmax_3" (Softmax) normalises over the axis of the rows',
    })
  })

  it('says what to do about an input without open rows', () => {
    const of = (shape: readonly (number | string)[]) => {
      const proof = proofOf({
        nodes: [node('Relu', 'x', 'y')],
        inputs: [['x', 'float32', shape]],
        outputs: [['y', 'float32', []]],
      })
      return proof.kind === 'dependent' ? proof.reason : proof.kind
    }
    assert.equal(
      of([1, 4]),
      'the first axis of input "x" has the fixed size 1; export the model with an open batch axis',
    )
    assert.equal(of([]), 'input "x" has no axis of rows; export the model with an open batch axis')
    assert.equal(of(['n', 'n']), 'input "x" has another axis named "n", as the axis of the rows is')
    assert.equal(of(['n', 'm']), 'independent')
  })

  it('leaves inputs with defaults out of those that have rows', () => {
    const proof = proofOf({
      nodes: [node('Add', 'a b', 's'), node('Add', 's offset', 'y')],
      inputs: [
        ['a', 'float32', ['n', 'time']],
        ['b', 'float32', ['n', 'time']],
        ['offset', 'float32', [1]],
      ],
      outputs: [['y', 'float32', []]],
      constants: [floats('offset', [1])],
    })
    assert.ok(proof.kind === 'independent')
    assert.deepEqual(proof.inputs, ['a', 'b'])
  })

  it('does not believe what the file claims of shapes', () => {
    const proof = proofOf({
      nodes: [node('ReduceMean', 'x', 'm', { axes: [0], keepdims: 1 }), node('Sub', 'x m', 'y')],
      inputs: [['x', 'float32', ['n', 2]]],
      outputs: [['y', 'float32', ['n', 2]]],
    })
    assert.equal(proof.kind, 'dependent')
  })

  const caseModel = (name: string) =>
    proveRowIndependence(readOnnxModel(readFileSync(`test/fixtures/cases/${name}/model.onnx`)))
  const verdicts = {
    catboost_classifier_binary: 'independent',
    cross_basket_share: 'dependent',
    cross_float_running_sum: 'dependent',
    cross_int_minus_max: 'dependent',
    cross_string_last_to_all: 'dependent',
    cross_uint8_image_stretch: 'dependent',
    lightgbm_classifier_default: 'independent',
    shape_default_given: 'independent',
    shape_no_shape: 'dependent',
    shape_query_against_documents: 'dependent',
    shape_unlike_first_dims: 'dependent',
    shape_weights_shared_vector: 'independent',
    sk_columns_nozipmap: 'independent',
    sk_columns_zipmap: 'independent',
    sk_imputer_missing: 'independent',
    sk_logistic_default: 'independent',
  }
  for (const [name, kind] of Object.entries(verdicts))
    it(`finds ${name} ${kind}`, () => assert.equal(caseModel(name).kind, kind))

  it('gives a verdict, never a failure of its own, on changed files', () => {
    for (const path of ['test/fixtures/cases/sk_columns_zipmap/model.onnx', 'models/digits/1/model.onnx']) {
      const bytes = readFileSync(path)
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
          changes => {
            const changed = Uint8Array.from(bytes)
            for (const [at, byte] of changes) changed[at] = byte
            let model: OnnxModel
            try {
              model = readOnnxModel(changed)
            } catch {
              return // see readOnnxModel's own tests
            }
            assert.match(proveRowIndependence(model).kind, /dependent/)
          },
        ),
        { numRuns: 3000 },
      )
    }
  })

  it('finds the models that come with the app independent', () => {
    for (const name of ['diabetes', 'digits', 'iris']) {
      const proof = proveRowIndependence(readOnnxModel(readFileSync(`models/${name}/1/model.onnx`)))
      assert.equal(proof.kind, 'independent', name)
    }
  })
})
