import { OnnxAttribute } from './onnx-attribute.ts'
import type { Dimension, OnnxFunction, OnnxGraph, OnnxModel, OnnxNode, OnnxType, OnnxValueInfo } from './onnx-model.ts'
import type { ExternalData, OnnxTensor } from './onnx-tensor.ts'
import {
  type ByteRange,
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

/** The group of a number that no field has; it is shared, and never added to. */
const none: Field[] = []

class OnnxReader {
  readonly #bytes: Uint8Array
  #depth = 0
  #parts = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  readModel(): OnnxModel {
    const file = { start: 0, end: this.#bytes.length }
    const [versions, graphs, opsets, functions] = this.#fields(file, [1, 7, 8, 25])
    const graph = this.#only('graph', graphs, field => this.#graph(field))
    if (!graph) throw new UnreadableOnnx('it holds no graph')
    return {
      bytes: this.#bytes,
      irVersion: this.#number(versions),
      opsets: this.#opsets(opsets),
      graph,
      functions: this.#messages(functions, field => this.#function(field)),
    }
  }

  #graph(range: Field): OnnxGraph {
    const [nodes, initializers, inputs, outputs, sparse] = this.#fields(range, [1, 5, 11, 12, 15])
    return {
      range,
      nodes: this.#messages(nodes, field => this.#node(field)),
      inputs: this.#messages(inputs, field => this.#valueInfo(field)),
      outputs: this.#messages(outputs, field => this.#valueInfo(field)),
      initializers: this.#messages(initializers, field => this.#tensor(field)),
      sparseInitializers: this.#messages(sparse, field => this.#sparseTensor(field)),
    }
  }

  #node(range: Field): OnnxNode {
    const fields = this.#fields(range, [1, 2, 3, 4, 5, 7, 8])
    const [inputs, outputs, names, operators, attributes, domains, overloads] = fields
    return {
      range,
      name: this.#text(names),
      operator: this.#text(operators),
      domain: standardDomain(this.#text(domains)),
      overload: this.#text(overloads),
      inputs: this.#texts(inputs),
      outputs: this.#texts(outputs),
      attributes: this.#attributes(attributes),
    }
  }

  #function(range: Field): OnnxFunction {
    const fields = this.#fields(range, [1, 4, 5, 7, 9, 10, 11, 13])
    const [names, inputs, outputs, nodes, opsets, domains, attributeDefaults, overloads] = fields
    return {
      name: this.#text(names),
      domain: standardDomain(this.#text(domains)),
      overload: this.#text(overloads),
      inputs: this.#texts(inputs),
      outputs: this.#texts(outputs),
      attributeDefaults: this.#attributes(attributeDefaults),
      nodes: this.#messages(nodes, field => this.#node(field)),
      opsets: this.#opsets(opsets),
    }
  }

  #attributes(fields: readonly Field[]): Map<string, OnnxAttribute> {
    const attributes = new Map<string, OnnxAttribute>()
    for (const field of fields) {
      const attribute = this.#message(field, () => this.#attribute(field))
      if (attributes.has(attribute.name))
        throw new UnreadableOnnx(`the node at byte ${field.fieldStart} gives its attribute "${attribute.name}" twice`)
      attributes.set(attribute.name, attribute)
    }
    return attributes
  }

  #attribute(range: Field): OnnxAttribute {
    const fields = this.#fields(range, [1, 3, 5, 6, 10, 11, 21, 22, 23])
    const [names, ints, tensors, graph, tensorLists, graphs, references, sparse, sparseLists] = fields
    return new OnnxAttribute(this.#bytes, range, {
      name: this.#text(names),
      reference: this.#text(references),
      int: this.#integer(ints),
      tensor: this.#only('tensor of an attribute', tensors, field => this.#tensor(field)),
      hasOtherTensors: tensorLists.length + sparse.length + sparseLists.length > 0,
      graph: this.#only('graph of an attribute', graph, field => this.#graph(field)),
      graphs: this.#messages(graphs, field => this.#graph(field)),
    })
  }

  #tensor(range: Field): OnnxTensor {
    const [dims, elementTypes, names, externals, locations] = this.#fields(range, [1, 2, 8, 13, 14])
    const name = this.#text(names)
    return {
      range,
      bytes: this.#bytes,
      name,
      dims: this.#dims(dims),
      elementType: this.#number(elementTypes),
      external: this.#number(locations) === 1 ? externalData(name, this.#entries(externals)) : undefined,
    }
  }

  #sparseTensor(range: Field): OnnxGraph['sparseInitializers'][number] {
    const [values, dims] = this.#fields(range, [1, 3])
    const tensor = this.#only('list of values of a sparse tensor', values, field => this.#tensor(field))
    return { name: tensor?.name ?? '', dims: this.#dims(dims) }
  }

  #dims(fields: readonly Field[]): number[] {
    return fields.flatMap(field =>
      Array.from(readVarints(this.#bytes, field), varint => {
        const size = Number(varint)
        this.#count()
        if (!Number.isSafeInteger(size) || size < 0)
          throw new UnreadableOnnx(`the tensor at byte ${field.fieldStart} has a dimension of ${size}`)
        return size
      }),
    )
  }

  #valueInfo(range: Field): OnnxValueInfo {
    const [names, types] = this.#fields(range, [1, 2])
    return { range, name: this.#text(names), type: this.#only('type of a value', types, field => this.#type(field)) }
  }

  #type(range: Field): OnnxType | undefined {
    const readers: Readonly<Record<number, (field: Field) => OnnxType>> = {
      1: field => ({ kind: 'tensor', ...this.#elementsAndShape(field) }),
      4: field => ({ kind: 'sequence', element: this.#innerType(field, 1) }),
      5: field => {
        const [keyTypes] = this.#fields(field, [1])
        return { kind: 'map', keyType: this.#number(keyTypes), value: this.#innerType(field, 2) }
      },
      7: () => ({ kind: 'opaque' }),
      8: field => ({ kind: 'sparseTensor', ...this.#elementsAndShape(field) }),
      9: field => ({ kind: 'optional', element: this.#innerType(field, 1) }),
    }
    const kinds = this.#fields(range, Object.keys(readers).map(Number)).flat()
    return this.#only('kind of a type', kinds, field => (readers[field.number] as (field: Field) => OnnxType)(field))
  }

  #innerType(range: Field, number: number): OnnxType | undefined {
    const [types] = this.#fields(range, [number])
    return this.#only('inner type', types, field => this.#type(field))
  }

  #elementsAndShape(range: Field): { elementType: number; shape: Dimension[] | undefined } {
    const [elementTypes, shapes] = this.#fields(range, [1, 2])
    const shape = this.#only('shape of a type', shapes, field => {
      const [dimensions] = this.#fields(field, [1])
      return this.#messages(dimensions, dimension => this.#dimension(dimension))
    })
    return { elementType: this.#number(elementTypes), shape }
  }

  /** A dimension with several values has the last one, as for protobuf's own readers. */
  #dimension(range: Field): Dimension {
    let dimension: Dimension = null
    for (const field of readFields(this.#bytes, range)) {
      if (field.number === 1) dimension = this.#number([field])
      if (field.number === 2) dimension = this.#text([field])
    }
    return dimension
  }

  #opsets(fields: readonly Field[]): Map<string, number> {
    const opsets = this.#messages(fields, field => {
      const [domains, versions] = this.#fields(field, [1, 2])
      return [standardDomain(this.#text(domains)), this.#number(versions)] as const
    })
    return new Map(opsets)
  }

  /** Reads messages StringStringEntryProto. */
  #entries(fields: readonly Field[]): Map<string, string> {
    const entries = this.#messages(fields, field => {
      const [keys, values] = this.#fields(field, [1, 2])
      return [this.#text(keys), this.#text(values)] as const
    })
    return new Map(entries)
  }

  /** Groups the fields of a message by these numbers, each group in the file's order. All other fields are passed over. */
  #fields<const Numbers extends readonly number[]>(
    message: ByteRange,
    numbers: Numbers,
  ): { [Index in keyof Numbers]: Field[] } {
    const groups: Field[][] = new Array(numbers.length).fill(none)
    for (const field of readFields(this.#bytes, message)) {
      const index = numbers.indexOf(field.number)
      if (index < 0) continue
      this.#count()
      if (groups[index] === none) groups[index] = [field]
      else (groups[index] as Field[]).push(field)
    }
    return groups as { [Index in keyof Numbers]: Field[] }
  }

  #message<Read>(field: Field, read: (field: Field) => Read): Read {
    expectWireType(field, wireTypes.bytes)
    if (++this.#depth > maxDepth) throw new UnreadableOnnx(`it nests more than ${maxDepth} messages`)
    const message = read(field)
    this.#depth--
    return message
  }

  #messages<Read>(fields: readonly Field[], read: (field: Field) => Read): Read[] {
    return fields.map(field => this.#message(field, read))
  }

  /** Refuses a message that occurs twice. Protobuf merges both, but no exporter writes that, and readers may differ. */
  #only<Read>(what: string, fields: readonly Field[], read: (field: Field) => Read): Read | undefined {
    const [first, second] = fields
    if (second) throw new UnreadableOnnx(`it gives the ${what} twice`)
    return first && this.#message(first, read)
  }

  #texts(fields: readonly Field[]): string[] {
    return fields.map(field => textAt(this.#bytes, field))
  }

  /** Reads a single value, of which the last counts where it occurs several times. */
  #text(fields: readonly Field[]): string {
    let text = ''
    for (const field of fields) text = textAt(this.#bytes, field)
    return text
  }

  #integer(fields: readonly Field[]): bigint {
    let integer = 0n
    for (const field of fields) {
      expectWireType(field, wireTypes.varint)
      integer = varintAt(this.#bytes, field.start)
    }
    return integer
  }

  #number(fields: readonly Field[]): number {
    return Number(this.#integer(fields))
  }

  #count(): void {
    if (++this.#parts > maxParts) throw new UnreadableOnnx(`it has more than ${maxParts} parts`)
  }
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
