import { ScoringError } from '../../errors.ts'
import type { RepeatedNumbers } from './repeated-numbers.ts'
import { varintAt, wireType } from './wire-format.ts'

/** Groups within groups that are passed over; protobuf's own parsers stop at 100 as well. */
const maxGroupDepth = 100

// A byte order mark belongs to the text, and text that is not UTF-8 could make two names equal.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Walks over the fields of one message:
 *
 *     while (reader.next()) {
 *       if (reader.field === 1) name = reader.text()
 *       else reader.skip()
 *     }
 *
 * Every field has to be read or skipped before the next one. All methods throw ScoringError INPUT_INVALID where the bytes are
 * no message, or a field has another type than the one that is read.
 */
export class MessageReader {
  readonly #bytes: Uint8Array
  readonly #name: string
  readonly #end: number
  #at: number
  #field = 0
  #wireType = 0

  /** @param name  of the message's type, for failures */
  constructor(bytes: Uint8Array, name: string, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#name = name
    this.#at = start
    this.#end = end
  }

  /** The number of the field that is to be read. */
  get field(): number {
    return this.#field
  }

  /** Goes to the next field. @returns false at the end of the message */
  next(): boolean {
    if (this.#at >= this.#end) return false
    const tag = this.#readUint32()
    this.#field = tag >>> 3
    this.#wireType = tag & 7
    if (this.#field === 0) throw this.#malformed('has a field with the number 0, which no field has')
    return true
  }

  skip(): void {
    this.#skip(0)
  }

  /** Text that is UTF-8. */
  text(): string {
    const bytes = this.bytes()
    try {
      return utf8.decode(bytes)
    } catch {
      throw this.#malformed(`has a text that is not UTF-8 in field ${this.#field}`)
    }
  }

  /** Bytes, as a view on the message. */
  bytes(): Uint8Array {
    this.#expect(wireType.bytes)
    const end = this.#readEnd()
    const bytes = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return bytes
  }

  /** A reader of a message within this one. */
  message(name: string): MessageReader {
    this.#expect(wireType.bytes)
    const end = this.#readEnd()
    const inner = new MessageReader(this.#bytes, name, this.#at, end)
    this.#at = end
    return inner
  }

  bool(): boolean {
    return this.uint64() !== 0n
  }

  /** `int32` or an enum; as in protobuf's own parsers, the upper half of a longer number is dropped. */
  int32(): number {
    return Number(BigInt.asIntN(32, this.uint64()))
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.uint64())
  }

  uint64(): bigint {
    this.#expect(wireType.varint)
    const start = this.#at
    this.#at = this.#endOfVarint(start)
    return varintAt(this.#bytes, start)
  }

  float(): number {
    this.#expect(wireType.fixed32)
    return this.#view().getFloat32(this.#take(4), true)
  }

  double(): number {
    this.#expect(wireType.fixed64)
    return this.#view().getFloat64(this.#take(8), true)
  }

  /** Adds what this field has of a repeated field of numbers: one number, or packed ones. */
  numbers(into: RepeatedNumbers): void {
    const { width } = into
    if (this.#wireType === wireType.bytes) {
      const bytes = this.bytes()
      const isWhole = width === 'varint' ? (bytes.at(-1) ?? 0) < 128 : bytes.length % width === 0
      if (!isWhole) throw this.#malformed(`has a list that ends in the middle of a number in field ${this.#field}`)
      if (!into.add(bytes)) throw this.#tooLong()
      return
    }
    const start = this.#at
    if (width === 'varint') {
      this.#expect(wireType.varint)
      this.#at = this.#endOfVarint(start)
    } else {
      this.#expect(width === 4 ? wireType.fixed32 : wireType.fixed64)
      this.#take(width)
    }
    into.add(this.#bytes.subarray(start, this.#at))
  }

  #view(): DataView {
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength)
  }

  #skip(depth: number): void {
    switch (this.#wireType) {
      case wireType.varint:
        this.#at = this.#endOfVarint(this.#at)
        break
      case wireType.fixed64:
        this.#take(8)
        break
      case wireType.bytes:
        this.#at = this.#readEnd()
        break
      case wireType.fixed32:
        this.#take(4)
        break
      case wireType.groupStart:
        this.#skipGroup(depth)
        break
      default:
        throw this.#malformed(`has the wire type ${this.#wireType} in field ${this.#field}, where none of these can be`)
    }
  }

  #skipGroup(depth: number): void {
    const field = this.#field
    if (depth >= maxGroupDepth) throw this.#malformed(`has more than ${maxGroupDepth} groups within each other`)
    while (this.next()) {
      if (this.#wireType !== wireType.groupEnd) this.#skip(depth + 1)
      else if (this.#field === field) return
      else throw this.#malformed(`ends the group of field ${this.#field} within that of field ${field}`)
    }
    throw this.#malformed(`does not end the group of field ${field}`)
  }

  #expect(expected: number): void {
    if (this.#wireType === expected) return
    throw this.#malformed(`has the wire type ${this.#wireType} in field ${this.#field}, where ${expected} is expected`)
  }

  /** The position of a number of so many bytes, which is passed. */
  #take(width: number): number {
    const start = this.#at
    if (start + width > this.#end) throw this.#cut()
    this.#at = start + width
    return start
  }

  /** Reads a length. @returns where what is so long ends */
  #readEnd(): number {
    const length = this.#readUint32()
    const end = this.#at + length
    if (end > this.#end) throw this.#cut()
    return end
  }

  #readUint32(): number {
    const start = this.#at
    const byte = this.#bytes[start] as number
    if (start < this.#end && byte < 128) {
      this.#at = start + 1
      return byte
    }
    this.#at = this.#endOfVarint(start)
    const value = varintAt(this.#bytes, start)
    if (value > 0xffffffffn) throw this.#tooLong()
    return Number(value)
  }

  #endOfVarint(start: number): number {
    const last = Math.min(this.#end, start + 10)
    for (let index = start; index < last; index++) if ((this.#bytes[index] as number) < 128) return index + 1
    throw last < start + 10 ? this.#cut() : this.#tooLong()
  }

  #cut(): ScoringError {
    return this.#malformed('is cut off: a field goes beyond its end')
  }

  #tooLong(): ScoringError {
    return this.#malformed('has a number with more bytes than a number can have')
  }

  #malformed(what: string): ScoringError {
    return new ScoringError('INPUT_INVALID', `The message is not a valid ${this.#name}: it ${what}.`)
  }
}
