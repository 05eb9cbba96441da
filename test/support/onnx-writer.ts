/** Writes tiny ONNX files byte by byte (onnx.proto3, IR version 8, by default opset 13), so that tests need no Python. */
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

/** A number is an INT and a list INTS; the other types of AttributeProto are named. */
export type Attribute =
  | number
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly tensor: Constant }
  | { readonly graph: Graph }
  /** Inside a function: the attribute of the calling node of that name, an INT or (`isList`) INTS. */
  | { readonly reference: string; readonly isList?: boolean }

export interface Node {
  readonly op: string
  readonly domain?: string
  readonly name?: string
  /** '' is an input that is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, Attribute>>
}

export interface Constant {
  readonly name?: string
  readonly dtype: 'float32' | 'int64' | 'int32' | 'bool' | 'string' | 'uint8' | 'int8'
  readonly shape: readonly number[]
  readonly values: readonly (number | string)[]
}

export interface Graph {
  readonly nodes: readonly Node[]
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly constants?: readonly (Constant & { readonly name: string })[]
}

export interface FunctionDefinition {
  readonly domain: string
  readonly name: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: readonly string[]
  readonly nodes: readonly Node[]
}

export interface Model extends Graph {
  /** Version of each operator set by domain. */
  readonly opsets?: Readonly<Record<string, number>>
  readonly functions?: readonly FunctionDefinition[]
}

export function writeModel({ opsets = { '': 13 }, functions = [], ...graph }: Model): Buffer {
  const imports = writeOpsets(8, opsets)
  return Buffer.concat([
    integer(1, 8),
    field(7, writeGraph(graph)),
    imports,
    ...functions.map(({ domain, name, inputs, outputs, attributes = [], nodes }) =>
      field(
        25,
        Buffer.concat([
          text(1, name),
          ...inputs.map(each => text(4, each)),
          ...outputs.map(each => text(5, each)),
          ...attributes.map(each => text(6, each)),
          ...nodes.map(node => field(7, writeNode(node))),
          writeOpsets(9, opsets),
          text(10, domain),
        ]),
      ),
    ),
  ])
}

function writeOpsets(number: number, opsets: Readonly<Record<string, number>>): Buffer {
  return Buffer.concat(
    Object.entries(opsets).map(([domain, version]) =>
      field(number, Buffer.concat([...(domain === '' ? [] : [text(1, domain)]), integer(2, version)])),
    ),
  )
}

function writeGraph({ nodes, inputs, outputs, constants = [] }: Graph): Buffer {
  return Buffer.concat([
    ...nodes.map(node => field(1, writeNode(node))),
    text(2, 'test'),
    ...constants.map(constant => field(5, writeTensor(constant))),
    ...inputs.map(value => field(11, writeValue(value))),
    ...outputs.map(value => field(12, writeValue(value))),
  ])
}

/** One input `x`, one output `y`, the same. */
export function identityModel(dtype: Dtype, shape: Dimensions = ['batch', 2]): Buffer {
  return writeModel({
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    inputs: [['x', dtype, shape]],
    outputs: [['y', dtype, shape]],
  })
}

/** `y = x - mean of all rows`: a model that answers rows in a batch differently than alone. */
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

function writeNode({ op, domain = '', name = '', inputs, outputs, attributes = {} }: Node): Buffer {
  return Buffer.concat([
    ...inputs.map(each => text(1, each)),
    ...outputs.map(each => text(2, each)),
    ...(name === '' ? [] : [text(3, name)]),
    text(4, op),
    ...Object.entries(attributes).map(([key, value]) => field(5, writeAttribute(key, value))),
    ...(domain === '' ? [] : [text(7, domain)]),
  ])
}

/** AttributeProto: FLOAT is type 1, INT 2, STRING 3, TENSOR 4, GRAPH 5, FLOATS 6, INTS 7, STRINGS 8. */
function writeAttribute(name: string, value: Attribute): Buffer {
  return Buffer.concat([text(1, name), ...attributeContent(value)])
}

function attributeContent(value: Attribute): Buffer[] {
  if (typeof value === 'number') return [integer(3, value), integer(20, 2)]
  if ('float' in value) return [float(2, value.float), integer(20, 1)]
  if ('floats' in value) return [...value.floats.map(each => float(7, each)), integer(20, 6)]
  if ('text' in value) return [text(4, value.text), integer(20, 3)]
  if ('texts' in value) return [...value.texts.map(each => text(9, each)), integer(20, 8)]
  if ('tensor' in value) return [field(5, writeTensor(value.tensor)), integer(20, 4)]
  if ('graph' in value) return [field(6, writeGraph(value.graph)), integer(20, 5)]
  if ('reference' in value) return [text(21, value.reference), integer(20, value.isList ? 7 : 2)]
  return [...value.map(each => integer(8, each)), integer(20, 7)]
}

function writeTensor({ name = '', dtype, shape, values }: Constant): Buffer {
  const content = {
    float32: () => values.map(value => float(4, Number(value))),
    string: () => values.map(value => text(6, String(value))),
    int64: () => values.map(value => integer(7, Number(value))),
  }
  const small = () => values.map(value => integer(5, Number(value)))
  return Buffer.concat([
    ...shape.map(size => integer(1, size)),
    integer(2, elementType[dtype]),
    ...(dtype in content ? content[dtype as keyof typeof content]() : small()),
    text(8, name),
  ])
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

function text(number: number, content: string): Buffer {
  return field(number, Buffer.from(content))
}

/** A 32-bit field (wire type 5). */
function float(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return Buffer.concat([varint((number << 3) | 5), bytes])
}

/** Negative numbers take ten bytes, as in every protobuf. */
function integer(number: number, value: number): Buffer {
  return Buffer.concat([varint(number << 3), varint(BigInt.asUintN(64, BigInt(value)))])
}

function varint(value: number | bigint): Buffer {
  const bytes: number[] = []
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 127n) | 128)
  }
}
