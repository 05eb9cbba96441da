import type { OnnxGraph } from './onnx-model.ts'
import type { OnnxTensor } from './onnx-tensor.ts'
import { type ByteRange, readFields, readFloats, readVarints, textAt } from './protobuf.ts'

/** AttributeProto. Lists are decoded on read: those of a tree ensemble have millions of entries. */
export class OnnxAttribute {
  readonly #bytes: Uint8Array
  readonly #range: ByteRange
  readonly name: string
  /** The attribute of the calling node whose value this one has, inside a function; '' elsewhere. */
  readonly reference: string
  readonly int: bigint
  readonly tensor: OnnxTensor | undefined
  /** Whether it has sparse tensors or a list of tensors, which the reader passes over. */
  readonly hasOtherTensors: boolean
  readonly graph: OnnxGraph | undefined
  readonly graphs: readonly OnnxGraph[]

  /** @param range  the attribute's message in `bytes` */
  constructor(
    bytes: Uint8Array,
    range: ByteRange,
    content: Pick<OnnxAttribute, 'name' | 'reference' | 'int' | 'tensor' | 'hasOtherTensors' | 'graph' | 'graphs'>,
  ) {
    this.#bytes = bytes
    this.#range = range
    this.name = content.name
    this.reference = content.reference
    this.int = content.int
    this.tensor = content.tensor
    this.hasOtherTensors = content.hasOtherTensors
    this.graph = content.graph
    this.graphs = content.graphs
  }

  /** undefined: it has no single number of this kind */
  get float(): number | undefined {
    return this.#fields(2)
      .flatMap(field => [...readFloats(this.#bytes, field, 4)])
      .at(-1)
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
    return [...readFields(this.#bytes, this.#range)].filter(field => field.number === number)
  }
}
