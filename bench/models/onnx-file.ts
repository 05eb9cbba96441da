/** Writes ONNX models without any library: as much of the protobuf format as `bench/models/` needs (onnx.proto3). */
import { open, rename } from 'node:fs/promises'

/** A number is an int attribute, a list an ints or a strings attribute. */
export type Attributes = Record<string, number | readonly number[] | readonly string[]>

export interface OnnxNode {
  readonly type: string
  /** Absent: the standard operators. */
  readonly domain?: typeof mlDomain
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
  /** Without a shape: a list of maps from texts to float32, as ZipMap gives it. */
  readonly output: OnnxValue | { readonly name: string; readonly shape?: undefined }
}

const [irVersion, opsetVersion, mlOpsetVersion] = [8, 17, 1]
const [dataTypeFloat, dataTypeString] = [1, 8]
const attributeType = { int: 2, ints: 7, strings: 8 }
/** The operators of classical machine learning. */
export const mlDomain = 'ai.onnx.ml'

/** Writes the file, which is not there before it is complete. */
export async function writeModelFile(path: string, graph: OnnxGraph): Promise<void> {
  const unfinished = `${path}.${process.pid}`
  const file = await open(unfinished, 'w')
  for (const part of encodeModel(graph)) await file.writeFile(part)
  await file.close()
  await rename(unfinished, path)
}

/** @returns the file in parts, to be written one after the other */
export function encodeModel(graph: OnnxGraph): Buffer[] {
  return [
    ...int(1, irVersion),
    ...text(2, 'scoring-functions bench'),
    ...message(7, encodeGraph(graph)),
    ...message(8, [...text(1, ''), ...int(2, opsetVersion)]),
    ...(graph.nodes.some(({ domain }) => domain === mlDomain)
      ? message(8, [...text(1, mlDomain), ...int(2, mlOpsetVersion)])
      : []),
  ]
}

function encodeGraph({ name, nodes, weights, input, output }: OnnxGraph): Buffer[] {
  return [
    ...nodes.flatMap(node => message(1, encodeNode(node))),
    ...text(2, name),
    ...weights.flatMap(each => message(5, encodeWeights(each))),
    ...message(11, encodeValue(input)),
    ...message(12, output.shape ? encodeValue(output) : encodeMaps(output.name)),
  ]
}

function encodeNode({ type, domain, inputs, output, attributes = {} }: OnnxNode): Buffer[] {
  return [
    ...inputs.flatMap(input => text(1, input)),
    ...text(2, output),
    ...text(3, output),
    ...text(4, type),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, encodeAttribute(name, value))),
    ...(domain ? text(7, domain) : []),
  ]
}

function encodeAttribute(name: string, value: Attributes[string]): Buffer[] {
  if (typeof value === 'number') return [...text(1, name), ...int(3, value), ...int(20, attributeType.int)]
  const entries = value.flatMap(each => (typeof each === 'number' ? int(8, each) : text(9, each)))
  const type = typeof value[0] === 'string' ? attributeType.strings : attributeType.ints
  return [...text(1, name), ...entries, ...int(20, type)]
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

/** TypeProto: tensor_type is field 1, sequence_type 4, map_type 5. */
function encodeMaps(name: string): Buffer[] {
  const map = [...int(1, dataTypeString), ...message(2, message(1, int(1, dataTypeFloat)))]
  return [...text(1, name), ...message(2, message(4, message(1, message(5, map))))]
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
