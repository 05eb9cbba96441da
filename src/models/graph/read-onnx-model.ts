import { attributeTypes, OnnxAttribute } from './onnx-attribute.ts'
import type {
  Dimension,
  OnnxFunction,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxSparseTensor,
  OnnxType,
  OnnxValueInfo,
} from './onnx-model.ts'
import type { ExternalData, OnnxTensor } from './onnx-tensor.ts'
import {
  expectWireType,
  type Field,
  readFields,
  readVarints,
  textAt,
  UnreadableOnnx,
  varintAt,
  wireTypes,
} from './protobuf.ts'

/** The deepest nesting of messages; protobuf's own readers stop at 100 too. */
const maxDepth = 100
/** The most nodes, attributes, tensors, names … of one file. The largest real graphs have some hundred thousand. */
const maxParts = 5_000_000

/**
 * Reads an ONNX file (onnx.proto 1.23: IR versions 1 to 13). Weights are not touched: see `tensorData`.
 *
 * @throws UnreadableOnnx when the bytes are no whole ONNX file
 */
export function readOnnxModel(bytes: Uint8Array): OnnxModel {
  return new OnnxReader(bytes).readModel()
}

class OnnxReader {
  readonly #bytes: Uint8Array
  #depth = 0
  #parts = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  readModel(): OnnxModel {
    const texts = new Map<number, string>()
    let irVersion = 0
    let modelVersion = 0n
    let graph: OnnxGraph | undefined
    const opsets = new Map<string, number>()
    const metadata = new Map<string, string>()
    const functions: OnnxFunction[] = []
    for (const field of readFields(this.#bytes, { start: 0, end: this.#bytes.length })) {
      switch (field.number) {
        case 1:
          irVersion = this.#number(field)
          break
        case 2:
        case 3:
        case 4:
          texts.set(field.number, this.#text(field))
          break
        case 5:
          modelVersion = this.#integer(field)
          break
        case 7:
          graph = only(
            graph,
            this.#message(field, () => this.#graph(field)),
            'graph',
          )
          break
        case 8:
          this.#message(field, () => this.#opset(field, opsets))
          break
        case 14:
          this.#message(field, () => this.#entry(field, metadata))
          break
        case 25:
          functions.push(this.#message(field, () => this.#function(field)))
          break
      }
    }
    if (!graph) throw new UnreadableOnnx('it holds no graph')
    return {
      bytes: this.#bytes,
      irVersion,
      producerName: texts.get(2) ?? '',
      producerVersion: texts.get(3) ?? '',
      domain: texts.get(4) ?? '',
      modelVersion,
      opsets,
      metadata,
      graph,
      functions,
    }
  }

  #graph(range: Field): OnnxGraph {
    let name = ''
    const nodes: OnnxNode[] = []
    const inputs: OnnxValueInfo[] = []
    const outputs: OnnxValueInfo[] = []
    const valueInfos: OnnxValueInfo[] = []
    const initializers: OnnxTensor[] = []
    const sparseInitializers: OnnxSparseTensor[] = []
    for (const field of readFields(this.#bytes, range)) {
      switch (field.number) {
        case 1:
          nodes.push(this.#message(field, () => this.#node(field)))
          break
        case 2:
          name = this.#text(field)
          break
        case 5:
          initializers.push(this.#message(field, () => this.#tensor(field)))
          break
        case 11:
          inputs.push(this.#message(field, () => this.#valueInfo(field)))
          break
        case 12:
          outputs.push(this.#message(field, () => this.#valueInfo(field)))
          break
        case 13:
          valueInfos.push(this.#message(field, () => this.#valueInfo(field)))
          break
        case 15:
          sparseInitializers.push(this.#message(field, () => this.#sparseTensor(field)))
          break
      }
    }
    return { range: toFieldRange(range), name, nodes, inputs, outputs, valueInfos, initializers, sparseInitializers }
  }

  #node(range: Field): OnnxNode {
    const texts = new Map<number, string>()
    const inputs: string[] = []
    const outputs: string[] = []
    const attributes = new Map<string, OnnxAttribute>()
    for (const field of readFields(this.#bytes, range)) {
      switch (field.number) {
        case 1:
          inputs.push(this.#text(field))
          break
        case 2:
          outputs.push(this.#text(field))
          break
        case 5:
          this.#addAttribute(attributes, field)
          break
        case 3:
        case 4:
        case 7:
        case 8:
          texts.set(field.number, this.#text(field))
          break
      }
    }
    return {
      range: toFieldRange(range),
      name: texts.get(3) ?? '',
      operator: texts.get(4) ?? '',
      domain: standardDomain(texts.get(7) ?? ''),
      overload: texts.get(8) ?? '',
      inputs,
      outputs,
      attributes,
    }
  }

  #function(range: Field): OnnxFunction {
    const texts = new Map<number, string>()
    const inputs: string[] = []
    const outputs: string[] = []
    const attributes: string[] = []
    const attributeDefaults = new Map<string, OnnxAttribute>()
    const nodes: OnnxNode[] = []
    const opsets = new Map<string, number>()
    for (const field of readFields(this.#bytes, range)) {
      switch (field.number) {
        case 1:
        case 10:
        case 13:
          texts.set(field.number, this.#text(field))
          break
        case 4:
          inputs.push(this.#text(field))
          break
        case 5:
          outputs.push(this.#text(field))
          break
        case 6:
          attributes.push(this.#text(field))
          break
        case 7:
          nodes.push(this.#message(field, () => this.#node(field)))
          break
        case 9:
          this.#message(field, () => this.#opset(field, opsets))
          break
        case 11:
          this.#addAttribute(attributeDefaults, field)
          break
      }
    }
    return {
      name: texts.get(1) ?? '',
      domain: standardDomain(texts.get(10) ?? ''),
      overload: texts.get(13) ?? '',
      inputs,
      outputs,
      attributes,
      attributeDefaults,
      nodes,
      opsets,
    }
  }

  #addAttribute(attributes: Map<string, OnnxAttribute>, field: Field): void {
    const attribute = this.#message(field, () => this.#attribute(field))
    if (attributes.has(attribute.name))
      throw new UnreadableOnnx(`the node at byte ${field.fieldStart} gives its attribute "${attribute.name}" twice`)
    attributes.set(attribute.name, attribute)
  }

  #attribute(range: Field): OnnxAttribute {
    let name = ''
    let reference = ''
    let type: number | undefined
    let float = 0
    let int = 0n
    let tensor: OnnxTensor | undefined
    let graph: OnnxGraph | undefined
    const graphs: OnnxGraph[] = []
    let valueType: OnnxType | undefined
    // Files of IR version 1 need not state the type: it is that of the field that is there.
    let present = 0
    for (const field of readFields(this.#bytes, range)) {
      present = typeOfField.get(field.number) ?? present
      switch (field.number) {
        case 1:
          name = this.#text(field)
          break
        case 2:
          expectWireType(field, wireTypes.fixed32)
          float = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + field.start, 4).getFloat32(0, true)
          break
        case 3:
          int = this.#integer(field)
          break
        case 5:
          tensor = only(
            tensor,
            this.#message(field, () => this.#tensor(field)),
            'tensor of an attribute',
          )
          break
        case 6:
          graph = only(
            graph,
            this.#message(field, () => this.#graph(field)),
            'graph of an attribute',
          )
          break
        case 11:
          graphs.push(this.#message(field, () => this.#graph(field)))
          break
        case 14:
          valueType = only(
            valueType,
            this.#message(field, () => this.#type(field)),
            'type of an attribute',
          )
          break
        case 20:
          type = this.#number(field)
          break
        case 21:
          reference = this.#text(field)
          break
      }
    }
    return new OnnxAttribute({
      bytes: this.#bytes,
      range: toFieldRange(range),
      name,
      type: attributeTypes[type ?? present] ?? 'undefined',
      reference,
      float,
      int,
      tensor,
      graph,
      graphs,
      valueType,
    })
  }

  #tensor(range: Field): OnnxTensor {
    let name = ''
    const dims: number[] = []
    let elementType = 0
    let isExternal = false
    const external = new Map<string, string>()
    for (const field of readFields(this.#bytes, range)) {
      switch (field.number) {
        case 1:
          for (const size of readVarints(this.#bytes, field)) dims.push(this.#size(Number(size), field))
          break
        case 2:
          elementType = this.#number(field)
          break
        case 8:
          name = this.#text(field)
          break
        case 13:
          this.#message(field, () => this.#entry(field, external))
          break
        case 14:
          isExternal = this.#number(field) === 1
          break
      }
    }
    return {
      range: toFieldRange(range),
      bytes: this.#bytes,
      name,
      dims,
      elementType,
      external: isExternal ? externalData(name, external) : undefined,
    }
  }

  #sparseTensor(range: Field): OnnxSparseTensor {
    let values: OnnxTensor | undefined
    const dims: number[] = []
    for (const field of readFields(this.#bytes, range)) {
      if (field.number === 1)
        values = only(
          values,
          this.#message(field, () => this.#tensor(field)),
          'list of values of a sparse tensor',
        )
      if (field.number === 3)
        for (const size of readVarints(this.#bytes, field)) dims.push(this.#size(Number(size), field))
    }
    return { range: toFieldRange(range), name: values?.name ?? '', dims, elementType: values?.elementType ?? 0 }
  }

  #valueInfo(range: Field): OnnxValueInfo {
    let name = ''
    let type: OnnxType | undefined
    for (const field of readFields(this.#bytes, range)) {
      if (field.number === 1) name = this.#text(field)
      if (field.number === 2)
        type = only(
          type,
          this.#message(field, () => this.#type(field)),
          'type of a value',
        )
    }
    return { range: toFieldRange(range), name, type }
  }

  #type(range: Field): OnnxType | undefined {
    let type: OnnxType | undefined
    const take = (read: () => OnnxType, field: Field) => {
      type = only(type, this.#message(field, read), 'kind of a type')
    }
    for (const field of readFields(this.#bytes, range)) {
      switch (field.number) {
        case 1:
          take(() => ({ kind: 'tensor', ...this.#elementsAndShape(field) }), field)
          break
        case 4:
          take(() => ({ kind: 'sequence', element: this.#innerType(field, 1) }), field)
          break
        case 5:
          take(() => this.#mapType(field), field)
          break
        case 7:
          take(() => ({ kind: 'opaque' }), field)
          break
        case 8:
          take(() => ({ kind: 'sparseTensor', ...this.#elementsAndShape(field) }), field)
          break
        case 9:
          take(() => ({ kind: 'optional', element: this.#innerType(field, 1) }), field)
          break
      }
    }
    return type
  }

  #mapType(range: Field): OnnxType {
    let keyType = 0
    for (const field of readFields(this.#bytes, range)) if (field.number === 1) keyType = this.#number(field)
    return { kind: 'map', keyType, value: this.#innerType(range, 2) }
  }

  #innerType(range: Field, number: number): OnnxType | undefined {
    let type: OnnxType | undefined
    for (const field of readFields(this.#bytes, range))
      if (field.number === number)
        type = only(
          type,
          this.#message(field, () => this.#type(field)),
          'inner type',
        )
    return type
  }

  #elementsAndShape(range: Field): { elementType: number; shape: Dimension[] | undefined } {
    let elementType = 0
    let shape: Dimension[] | undefined
    for (const field of readFields(this.#bytes, range)) {
      if (field.number === 1) elementType = this.#number(field)
      if (field.number === 2)
        shape = only(
          shape,
          this.#message(field, () => this.#shape(field)),
          'shape of a type',
        )
    }
    return { elementType, shape }
  }

  #shape(range: Field): Dimension[] {
    const dimensions: Dimension[] = []
    for (const field of readFields(this.#bytes, range))
      if (field.number === 1) dimensions.push(this.#message(field, () => this.#dimension(field)))
    return dimensions
  }

  #dimension(range: Field): Dimension {
    let dimension: Dimension = null
    for (const field of readFields(this.#bytes, range)) {
      if (field.number === 1) dimension = this.#number(field)
      if (field.number === 2) dimension = this.#text(field)
    }
    return dimension
  }

  #opset(range: Field, opsets: Map<string, number>): void {
    let domain = ''
    let version = 0
    for (const field of readFields(this.#bytes, range)) {
      if (field.number === 1) domain = this.#text(field)
      if (field.number === 2) version = this.#number(field)
    }
    opsets.set(standardDomain(domain), version)
  }

  /** StringStringEntryProto */
  #entry(range: Field, entries: Map<string, string>): void {
    let key = ''
    let value = ''
    for (const field of readFields(this.#bytes, range)) {
      if (field.number === 1) key = this.#text(field)
      if (field.number === 2) value = this.#text(field)
    }
    entries.set(key, value)
  }

  #message<Read>(field: Field, read: () => Read): Read {
    expectWireType(field, wireTypes.bytes)
    this.#count()
    if (++this.#depth > maxDepth) throw new UnreadableOnnx(`it nests more than ${maxDepth} messages`)
    const message = read()
    this.#depth--
    return message
  }

  #text(field: Field): string {
    this.#count()
    return textAt(this.#bytes, field)
  }

  #integer(field: Field): bigint {
    expectWireType(field, wireTypes.varint)
    return varintAt(this.#bytes, field.start)
  }

  #number(field: Field): number {
    return Number(this.#integer(field))
  }

  #size(size: number, field: Field): number {
    this.#count()
    if (!Number.isSafeInteger(size) || size < 0)
      throw new UnreadableOnnx(`the tensor at byte ${field.fieldStart} has a dimension of ${size}`)
    return size
  }

  #count(): void {
    if (++this.#parts > maxParts) throw new UnreadableOnnx(`it has more than ${maxParts} parts`)
  }
}

/** The AttributeType of each field that holds a value. */
const typeOfField = new Map([
  [2, 1],
  [3, 2],
  [4, 3],
  [5, 4],
  [6, 5],
  [7, 6],
  [8, 7],
  [9, 8],
  [10, 9],
  [11, 10],
  [22, 11],
  [23, 12],
  [14, 13],
  [15, 14],
])

/** Refuses a message that occurs twice. Protobuf merges both, but no exporter writes that, and readers may differ. */
function only<Read>(before: Read | undefined, now: Read, what: string): Read {
  if (before !== undefined) throw new UnreadableOnnx(`it gives the ${what} twice`)
  return now
}

function externalData(tensor: string, entries: ReadonlyMap<string, string>): ExternalData {
  const location = entries.get('location')
  if (location === undefined)
    throw new UnreadableOnnx(`tensor "${tensor}" stands in another file, which it does not name`)
  const readByteCount = (key: string): number | undefined => {
    const text = entries.get(key)
    if (text === undefined) return undefined
    if (!/^\d{1,15}$/.test(text))
      throw new UnreadableOnnx(`tensor "${tensor}" has no number as the ${key} of its contents`)
    return Number(text)
  }
  return { location, offset: readByteCount('offset') ?? 0, length: readByteCount('length') }
}

function standardDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain
}

function toFieldRange({ fieldStart, start, end }: Field) {
  return { fieldStart, start, end }
}
