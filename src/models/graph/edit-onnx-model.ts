/** Changes of a graph that leave every other byte of its file as it is. */
import type { FieldRange, OnnxModel } from './onnx-model.ts'
import { concatBytes, encodeBytesField, encodeFieldHead, encodeIntegerField, encodeText } from './protobuf.ts'

/** Numbers of fields (onnx.proto). */
const field = {
  model: { graph: 7, opset: 8 },
  graph: { node: 1, output: 12 },
  node: { input: 1, output: 2, name: 3, operator: 4 },
  value: { name: 1, type: 2 },
} as const

export interface GraphEdit {
  /** Fields of the graph, each with those that replace it; none: it is removed. */
  readonly replaced: ReadonlyMap<FieldRange, readonly Uint8Array[]>
  /** Fields that are added at the end. */
  readonly appended: readonly Uint8Array[]
  /** Version of the standard operators where the model itself imports none. */
  readonly standardOpset?: number
}

/** @returns the whole file with the changes */
export function editOnnxModel({ bytes, graph }: OnnxModel, edit: GraphEdit): Uint8Array {
  const ranges = [...edit.replaced].sort(([one], [other]) => one.fieldStart - other.fieldStart)
  const content: Uint8Array[] = []
  let at = graph.range.start
  for (const [range, fields] of ranges) {
    content.push(bytes.subarray(at, range.fieldStart), ...fields)
    at = range.end
  }
  content.push(bytes.subarray(at, graph.range.end), ...edit.appended)
  const length = content.reduce((sum, part) => sum + part.length, 0)
  const { standardOpset } = edit
  return concatBytes([
    bytes.subarray(0, graph.range.fieldStart),
    encodeFieldHead(field.model.graph, length),
    ...content,
    bytes.subarray(graph.range.end),
    ...(standardOpset === undefined ? [] : [encodeBytesField(field.model.opset, encodeIntegerField(2, standardOpset))]),
  ])
}

/** @returns a node that gives a value another name; the runtime removes it again */
export function identityNode(from: string, to: string): Uint8Array {
  return encodeBytesField(
    field.graph.node,
    encodeBytesField(field.node.input, encodeText(from)),
    encodeBytesField(field.node.output, encodeText(to)),
    encodeBytesField(field.node.name, encodeText(`${to} as a tensor`)),
    encodeBytesField(field.node.operator, encodeText('Identity')),
  )
}

/** @param elementType  TensorProto.DataType; undefined: as the runtime finds. The shape is what it finds, too. */
export function outputOfGraph(name: string, elementType: number | undefined): Uint8Array {
  // TypeProto.tensor_type is field 1, and its elem_type too.
  const type =
    elementType === undefined
      ? []
      : [encodeBytesField(field.value.type, encodeBytesField(1, encodeIntegerField(1, elementType)))]
  return encodeBytesField(field.graph.output, encodeBytesField(field.value.name, encodeText(name)), ...type)
}
