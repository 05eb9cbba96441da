/** Writes tiny ONNX files byte by byte (onnx.proto3, IR version 8, opset 13), so that tests need no Python. */
import type { Dtype } from '../../src/tensor/dtype.ts'

/** TensorProto.DataType */
const elementType: Record<Dtype, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
}

type Dimensions = readonly (number | string)[]
type Value = readonly [name: string, dtype: Dtype, shape: Dimensions]

interface Node {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>
}

export interface Graph {
  readonly nodes: readonly Node[]
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
}

export function writeModel({ nodes, inputs, outputs }: Graph): Buffer {
  const graph = [
    ...nodes.map(node => field(1, writeNode(node))),
    field(2, Buffer.from('test')),
    ...inputs.map(value => field(11, writeValue(value))),
    ...outputs.map(value => field(12, writeValue(value))),
  ]
  return Buffer.concat([integer(1, 8), field(7, Buffer.concat(graph)), field(8, integer(2, 13))])
}

/** One input `x`, one output `y`, the same. */
export function identityModel(dtype: Dtype, shape: Dimensions = ['batch', 2]): Buffer {
  return writeModel({
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    inputs: [['x', dtype, shape]],
    outputs: [['y', dtype, shape]],
  })
}

/** `y = x - mean of all rows`: a model whose rows are answered differently in company than alone. */
export function rowMixingModel(): Buffer {
  return writeModel({
    nodes: [
      { op: 'ReduceMean', inputs: ['x'], outputs: ['mean'], attributes: { axes: [0], keepdims: 1 } },
      { op: 'Sub', inputs: ['x', 'mean'], outputs: ['y'] },
    ],
    inputs: [['x', 'float32', ['batch', 2]]],
    outputs: [['y', 'float32', ['batch', 2]]],
  })
}

function writeNode({ op, inputs, outputs, attributes = {} }: Node): Buffer {
  return Buffer.concat([
    ...inputs.map(name => field(1, Buffer.from(name))),
    ...outputs.map(name => field(2, Buffer.from(name))),
    field(4, Buffer.from(op)),
    ...Object.entries(attributes).map(([name, value]) => field(5, writeAttribute(name, value))),
  ])
}

/** AttributeProto: INT is type 2, INTS type 7. */
function writeAttribute(name: string, value: number | readonly number[]): Buffer {
  const content =
    typeof value === 'number'
      ? [integer(3, value), integer(20, 2)]
      : [...value.map(each => integer(8, each)), integer(20, 7)]
  return Buffer.concat([field(1, Buffer.from(name)), ...content])
}

function writeValue([name, dtype, shape]: Value): Buffer {
  const dimensions = shape.map(size =>
    field(1, typeof size === 'number' ? integer(1, size) : field(2, Buffer.from(size))),
  )
  const tensor = Buffer.concat([integer(1, elementType[dtype]), field(2, Buffer.concat(dimensions))])
  return Buffer.concat([field(1, Buffer.from(name)), field(2, field(1, tensor))])
}

/** A length-delimited field (wire type 2). */
function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(content.length), content])
}

function integer(number: number, value: number): Buffer {
  return Buffer.concat([varint(number << 3), varint(value)])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) | 128)
  }
}
