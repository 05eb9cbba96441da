/** `TensorProto` as a message has it, before its elements are read (tensorflow/core/framework/tensor.proto). */
import { ScoringError } from '../../errors.ts'
import { elementCount, type Shape } from '../../tensor/shape.ts'
import { MessageReader } from '../grpc/message-reader.ts'
import { RepeatedNumbers } from '../grpc/repeated-numbers.ts'
import { type ValueField, valueFields } from './data-types.ts'

/** More dimensions than TensorFlow has. */
const maxRank = 254

const fieldNames = new Map<number, ValueField>(
  Object.entries(valueFields).map(([name, { number }]) => [number, name as ValueField]),
)

/** A tensor of a request. A message that comes twice is one message: its fields add up. */
export class TensorMessage {
  /** The number of its type. */
  dataType = 0
  /** Elements as bytes, little-endian and row-major; empty: they are in a typed field. */
  content: Uint8Array = new Uint8Array()
  readonly #numbers = new Map<ValueField, RepeatedNumbers>()
  readonly #parts: Uint8Array[] = []
  #sizes: number[] = []
  #hasUnknownRank = false
  #textCount = 0

  /** @throws ScoringError INPUT_INVALID */
  add(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    const reader = new MessageReader(bytes, 'TensorProto')
    while (reader.next()) {
      const { field } = reader
      const name = fieldNames.get(field)
      if (field === 1) this.dataType = reader.int32()
      else if (field === 2) this.#addShape(reader.message('TensorShapeProto'))
      else if (field === 4) this.content = reader.bytes()
      else if (name) this.#addValues(name, reader)
      else reader.skip()
    }
  }

  /** How many elements a typed field has. */
  count(field: ValueField): number {
    return field === 'string_val' ? this.#textCount : (this.#numbers.get(field)?.count ?? 0)
  }

  /** The numbers of a typed field that has some. */
  numbers(field: ValueField): RepeatedNumbers {
    return this.#numbers.get(field) as RepeatedNumbers
  }

  /** The values of `string_val`, as views on the message. They are found anew, because millions of empty ones may come. */
  *texts(): Generator<Uint8Array> {
    for (const part of this.#parts) {
      const reader = new MessageReader(part, 'TensorProto')
      while (reader.next()) {
        if (reader.field === valueFields.string_val.number) yield reader.bytes()
        else reader.skip()
      }
    }
  }

  /**
   * Reads the shape; a tensor without one is a scalar.
   *
   * @param input  its name, for messages
   * @throws ScoringError INPUT_INVALID where it says no shape that a tensor can have
   */
  readShape(input: string): Shape {
    const refuse = (what: string) =>
      new ScoringError('INPUT_INVALID', `input ${JSON.stringify(input)}: its shape ${what}`)
    if (this.#hasUnknownRank) throw refuse('has an unknown rank; a tensor has to say its sizes')
    if (this.#sizes.length > maxRank) throw refuse(`has more than ${maxRank} dimensions`)
    const wrong = this.#sizes.find(size => !(size >= 0))
    if (wrong !== undefined) throw refuse(`has the size ${wrong}; a tensor has sizes from 0`)
    if (!Number.isSafeInteger(elementCount(this.#sizes))) throw refuse('holds more elements than can be counted')
    return this.#sizes
  }

  #addShape(reader: MessageReader): void {
    while (reader.next()) {
      if (reader.field === 2) this.#addSize(reader.message('TensorShapeProto.Dim'))
      else if (reader.field === 3) this.#hasUnknownRank = reader.bool()
      else reader.skip()
    }
  }

  #addSize(reader: MessageReader): void {
    let size = 0
    while (reader.next()) {
      if (reader.field === 1) size = Number(reader.int64())
      else reader.skip()
    }
    if (this.#sizes.length <= maxRank) this.#sizes.push(size)
  }

  #addValues(name: ValueField, reader: MessageReader): void {
    const { width } = valueFields[name]
    if (width === undefined) {
      this.#textCount++
      return reader.skip()
    }
    const numbers = this.#numbers.get(name) ?? new RepeatedNumbers(width)
    this.#numbers.set(name, numbers)
    reader.numbers(numbers)
  }
}
