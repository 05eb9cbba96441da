import type { FieldRange, OnnxGraph, OnnxType } from './onnx-model.ts'
import type { OnnxTensor } from './onnx-tensor.ts'
import { readFields, readFloats, readVarints, textAt } from './protobuf.ts'

/** AttributeProto.AttributeType, by its number. */
export const attributeTypes = [
  'undefined',
  'float',
  'int',
  'string',
  'tensor',
  'graph',
  'floats',
  'ints',
  'strings',
  'tensors',
  'graphs',
  'sparseTensor',
  'sparseTensors',
  'type',
  'types',
] as const
type AttributeType = (typeof attributeTypes)[number]

interface AttributeContent {
  readonly bytes: Uint8Array
  readonly range: FieldRange
  readonly name: string
  readonly type: AttributeType
  readonly reference: string
  readonly float: number
  readonly int: bigint
  readonly tensor: OnnxTensor | undefined
  readonly graph: OnnxGraph | undefined
  readonly graphs: readonly OnnxGraph[]
  readonly valueType: OnnxType | undefined
}

/** AttributeProto. Lists are decoded on read: those of a tree ensemble have millions of entries. */
export class OnnxAttribute {
  readonly #bytes: Uint8Array
  readonly range: FieldRange
  readonly name: string
  readonly type: AttributeType
  /** The attribute of the calling node whose value this one has, inside a function; '' elsewhere. */
  readonly reference: string
  readonly float: number
  readonly int: bigint
  readonly tensor: OnnxTensor | undefined
  readonly graph: OnnxGraph | undefined
  readonly graphs: readonly OnnxGraph[]
  readonly valueType: OnnxType | undefined

  constructor(content: AttributeContent) {
    this.#bytes = content.bytes
    this.range = content.range
    this.name = content.name
    this.type = content.type
    this.reference = content.reference
    this.float = content.float
    this.int = content.int
    this.tensor = content.tensor
    this.graph = content.graph
    this.graphs = content.graphs
    this.valueType = content.valueType
  }

  /** @throws UnreadableOnnx when it is not UTF-8 */
  get string(): string {
    return this.#texts(4).at(-1) ?? ''
  }

  /** @throws UnreadableOnnx when a packed number does not end */
  get ints(): bigint[] {
    return this.#fields(8).flatMap(field => [...readVarints(this.#bytes, field)])
  }

  /** @throws UnreadableOnnx when the list is cut in the middle of a number */
  get floats(): number[] {
    return this.#fields(7).flatMap(field => [...readFloats(this.#bytes, field, 4)])
  }

  /** @throws UnreadableOnnx when one is not UTF-8 */
  get strings(): string[] {
    return this.#texts(9)
  }

  #texts(number: number): string[] {
    return this.#fields(number).map(field => textAt(this.#bytes, field))
  }

  #fields(number: number) {
    return [...readFields(this.#bytes, this.range)].filter(field => field.number === number)
  }
}
