/** Writes ONNX models without any library: as much of the protobuf format as `bench/models/` needs (onnx.proto3). */

/** A number is an int attribute, a list is an ints attribute. */
export type Attributes = Record<string, number | readonly number[]>

export interface OnnxNode {
  readonly type: string
  readonly inputs: readonly string[]
  readonly output: string
  readonly attributes?: Attributes
}

/** A float32 value; a text among the sizes is an open dimension. */
export interface OnnxValue {
  readonly name: string
  readonly shape: readonly (number | string)[]
}

export interface OnnxWeights {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
}

export interface OnnxGraph {
  readonly name: string
  readonly nodes: readonly OnnxNode[]
  readonly weights: readonly OnnxWeights[]
  readonly input: OnnxValue
  readonly output: OnnxValue
}

const [irVersion, opsetVersion] = [8, 17]
const dataTypeFloat = 1
const attributeType = { int: 2, ints: 7 }

/** @returns the file in parts, to be written one after the other */
export function encodeModel(graph: OnnxGraph): Buffer[] {
  return [
    ...int(1, irVersion),
    ...text(2, 'scoring-functions bench'),
    ...message(7, encodeGraph(graph)),
    ...message(8, [...text(1, ''), ...int(2, opsetVersion)]),
  ]
}

function encodeGraph({ name, nodes, weights, input, output }: OnnxGraph): Buffer[] {
  return [
    ...nodes.flatMap(node => message(1, encodeNode(node))),
    ...text(2, name),
    ...weights.flatMap(each => message(5, encodeWeights(each))),
    ...message(11, encodeValue(input)),
    ...message(12, encodeValue(output)),
  ]
}

function encodeNode({ type, inputs, output, attributes = {} }: OnnxNode): Buffer[] {
  return [
    ...inputs.flatMap(input => text(1, input)),
    ...text(2, output),
    ...text(3, output),
    ...text(4, type),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, encodeAttribute(name, value))),
  ]
}

function encodeAttribute(name: string, value: number | readonly number[]): Buffer[] {
  return typeof value === 'number'
    ? [...text(1, name), ...int(3, value), ...int(20, attributeType.int)]
    : [...text(1, name), ...value.flatMap(each => int(8, each)), ...int(20, attributeType.ints)]
}

function encodeWeights({ name, shape, data }: OnnxWeights): Buffer[] {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return [...shape.flatMap(size => int(1, size)), ...int(2, dataTypeFloat), ...text(8, name), ...message(9, [raw])]
}

function encodeValue({ name, shape }: OnnxValue): Buffer[] {
  const sizes = shape.flatMap(size => message(1, typeof size === 'number' ? int(1, size) : text(2, size)))
  const tensor = [...int(1, dataTypeFloat), ...message(2, sizes)]
  return [...text(1, name), ...message(2, message(1, tensor))]
}

function int(field: number, value: number): Buffer[] {
  return [Buffer.from([...varint(field << 3), ...varint(value)])]
}

function text(field: number, value: string): Buffer[] {
  return message(field, [Buffer.from(value)])
}

function message(field: number, parts: Buffer[]): Buffer[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return [Buffer.from([...varint((field << 3) | 2), ...varint(length)]), ...parts]
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 128)
  }
}
