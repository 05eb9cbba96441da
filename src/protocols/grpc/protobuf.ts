/**
 * The wire format of Protocol Buffers for messages of callers: tensors are read in place and written once.
 * (https://protobuf.dev/programming-guides/encoding/)
 *
 * `models/graph/protobuf.ts` reads the same format in files of gigabytes, whose faults are for the owner of a model.
 */
import { ScoringError } from '../../errors.ts'
import type { BigIntArray } from '../../tensor/dtype.ts'

/** How a field is written (Protocol Buffers, "Message Structure"). */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const

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

/** The numbers of a repeated field as a message has them: packed, one by one, or both. */
export class RepeatedNumbers {
  /** Bytes of each number: 4 for `float`, 8 for `double`; all other types of the protocols are varints of 1 to 10 bytes. */
  readonly width: 4 | 8 | 'varint'
  #bytes: Uint8Array = new Uint8Array()
  #size = 0
  #count = 0

  constructor(width: 4 | 8 | 'varint') {
    this.width = width
  }

  /** How many numbers there are. */
  get count(): number {
    return this.#count
  }

  /**
   * For `MessageReader`.
   *
   * @param bytes  whole numbers, one after the other
   * @returns false when one has more than ten bytes
   */
  add(bytes: Uint8Array): boolean {
    if (this.width !== 'varint') this.#count += bytes.length / this.width
    else if (!this.#countVarints(bytes)) return false
    this.#append(bytes)
    return true
  }

  /** The bytes of all numbers: a view on the message where they lie together, as they do as a rule. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size)
  }

  /** Writes the lower 32 bits of varints, which are all that their types have, into an array with room for all. */
  copyVarints(target: Int32Array | Uint32Array): void {
    const { bytes } = this
    let at = 0
    for (let index = 0; at < bytes.length; index++) {
      let value = (bytes[at] as number) & 127
      for (let shift = 7; (bytes[at++] as number) >= 128; shift += 7)
        if (shift < 32) value |= ((bytes[at] as number) & 127) << shift
      target[index] = value
    }
  }

  /** Writes varints of 64 bits into an array with room for all. */
  copyLongVarints(target: BigIntArray): void {
    const { bytes } = this
    let at = 0
    for (let index = 0; at < bytes.length; index++) {
      target[index] = varintAt(bytes, at)
      while ((bytes[at++] as number) >= 128);
    }
  }

  #countVarints(bytes: Uint8Array): boolean {
    let start = 0
    for (let at = 0; at < bytes.length; at++) {
      if ((bytes[at] as number) >= 128) continue
      if (at - start >= 10) return false
      start = at + 1
      this.#count++
    }
    return true
  }

  /** The first bytes are kept as they are; a view for each of many numbers would take far more memory than the message. */
  #append(bytes: Uint8Array): void {
    const needed = this.#size + bytes.length
    if (this.#size === 0) this.#bytes = bytes
    else {
      if (needed > this.#bytes.length || this.#size === this.#bytes.length) this.#move(2 * needed)
      this.#bytes.set(bytes, this.#size)
    }
    this.#size = needed
  }

  #move(capacity: number): void {
    const before = this.bytes
    this.#bytes = new Uint8Array(capacity)
    this.#bytes.set(before)
  }
}

/** Reads the unsigned number of 64 bits whose varint begins at `start`, and ends within ten bytes. */
function varintAt(bytes: Uint8Array, start: number): bigint {
  let low = 0
  let at = start
  // Up to 49 bits are exact in a number; a BigInt is made in one step then.
  for (let unit = 1; at < start + 7; unit *= 128) {
    const byte = bytes[at++] as number
    low += (byte & 127) * unit
    if (byte < 128) return BigInt(low)
  }
  let high = 0
  for (let unit = 1; ; unit *= 128) {
    const byte = bytes[at++] as number
    high += (byte & 127) * unit
    if (byte < 128) break
  }
  return BigInt.asUintN(64, BigInt(low) | (BigInt(high) << 49n))
}

type WrittenField =
  | { readonly tag: number; readonly kind: 'varint'; readonly value: number | bigint }
  | { readonly tag: number; readonly kind: 'fixed'; readonly value: number; readonly width: 4 | 8 }
  | { readonly tag: number; readonly kind: 'text'; readonly value: string; readonly length: number }
  | { readonly tag: number; readonly kind: 'bytes'; readonly value: Uint8Array }
  | {
      readonly tag: number
      readonly kind: 'content'
      readonly length: number
      readonly write: (target: Uint8Array<ArrayBuffer>) => void
    }
  | { readonly tag: number; readonly kind: 'message'; readonly value: MessageWriter }
  | { readonly tag: number; readonly kind: 'varints'; readonly value: Integers; readonly length: number }

/** Whole numbers: up to 2^53 as numbers, or 64 bits as BigInt. */
type Integers = ArrayLike<number> | ArrayLike<bigint>

/**
 * Collects the fields of a message and writes them once, into a buffer of exactly their size. Fields are written in the order
 * of the calls, and also where they have their default value, which a caller leaves out where the schema does.
 */
export class MessageWriter {
  readonly #fields: WrittenField[] = []
  #size = 0

  /** Bytes of the message so far. A message that was added to another one must not change any more. */
  get size(): number {
    return this.#size
  }

  text(field: number, value: string): this {
    const length = Buffer.byteLength(value)
    return this.#add({ tag: (field << 3) | wireType.bytes, kind: 'text', value, length }, lengthSize(length) + length)
  }

  /** @param value  bytes that do not change before the message is written */
  bytes(field: number, value: Uint8Array): this {
    const size = lengthSize(value.length) + value.length
    return this.#add({ tag: (field << 3) | wireType.bytes, kind: 'bytes', value }, size)
  }

  /**
   * Bytes that are made where they go.
   *
   * @param write  fills bytes of that length
   */
  content(field: number, length: number, write: (target: Uint8Array<ArrayBuffer>) => void): this {
    const size = lengthSize(length) + length
    return this.#add({ tag: (field << 3) | wireType.bytes, kind: 'content', length, write }, size)
  }

  message(field: number, value: MessageWriter): this {
    const size = lengthSize(value.size) + value.size
    return this.#add({ tag: (field << 3) | wireType.bytes, kind: 'message', value }, size)
  }

  bool(field: number, value: boolean): this {
    return this.integer(field, value ? 1 : 0)
  }

  /** `int32`, `int64`, `uint32`, `uint64` or an enum. */
  integer(field: number, value: number | bigint): this {
    return this.#add({ tag: (field << 3) | wireType.varint, kind: 'varint', value }, varintSize(value))
  }

  double(field: number, value: number): this {
    return this.#add({ tag: (field << 3) | wireType.fixed64, kind: 'fixed', value, width: 8 }, 8)
  }

  float(field: number, value: number): this {
    return this.#add({ tag: (field << 3) | wireType.fixed32, kind: 'fixed', value, width: 4 }, 4)
  }

  /** A repeated field of whole numbers, packed. Packed `float` and `double` are bytes, little-endian. */
  integers(field: number, value: Integers): this {
    let length = 0
    for (let index = 0; index < value.length; index++) length += varintSize(value[index] as number | bigint)
    const tag = (field << 3) | wireType.bytes
    return this.#add({ tag, kind: 'varints', value, length }, lengthSize(length) + length)
  }

  /**
   * Writes the message.
   *
   * @param headroom  zero bytes before it, for what a caller writes there
   * @returns a view on a buffer of its own, which can be transferred
   */
  finish(headroom = 0): Uint8Array<ArrayBuffer> {
    const { buffer } = Buffer.allocUnsafeSlow(headroom + this.#size)
    const bytes = new Uint8Array(buffer).fill(0, 0, headroom)
    this.writeTo(new Target(bytes, headroom))
    return bytes
  }

  /** For messages that this one is part of. */
  writeTo(target: Target): void {
    for (const field of this.#fields) {
      target.varint(field.tag)
      switch (field.kind) {
        case 'varint':
          target.varint(field.value)
          break
        case 'fixed':
          target.fixed(field.value, field.width)
          break
        case 'text':
          target.varint(field.length)
          target.text(field.value, field.length)
          break
        case 'bytes':
          target.varint(field.value.length)
          target.bytes(field.value)
          break
        case 'content':
          target.varint(field.length)
          field.write(target.take(field.length))
          break
        case 'message':
          target.varint(field.value.size)
          field.value.writeTo(target)
          break
        case 'varints':
          target.varint(field.length)
          for (let index = 0; index < field.value.length; index++) target.varint(field.value[index] as number | bigint)
          break
      }
    }
  }

  #add(field: WrittenField, size: number): this {
    this.#fields.push(field)
    this.#size += lengthSize(field.tag) + size
    return this
  }
}

/** Where a message is written to. */
class Target {
  readonly #bytes: Uint8Array<ArrayBuffer>
  readonly #text: Buffer
  #at: number

  constructor(bytes: Uint8Array<ArrayBuffer>, at: number) {
    this.#bytes = bytes
    this.#text = Buffer.from(bytes.buffer)
    this.#at = at
  }

  varint(value: number | bigint): void {
    if (typeof value === 'bigint' || value < 0) return this.#longVarint(BigInt.asUintN(64, BigInt(value)))
    let rest = value
    while (rest >= 128) {
      this.#bytes[this.#at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#at++] = rest
  }

  fixed(value: number, width: 4 | 8): void {
    if (width === 4) this.#text.writeFloatLE(value, this.#at)
    else this.#text.writeDoubleLE(value, this.#at)
    this.#at += width
  }

  text(value: string, length: number): void {
    this.#text.write(value, this.#at, length, 'utf8')
    this.#at += length
  }

  bytes(value: Uint8Array): void {
    this.take(value.length).set(value)
  }

  /** The next bytes, for others to fill. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#at
    this.#at += length
    return this.#bytes.subarray(start, this.#at)
  }

  #longVarint(value: bigint): void {
    let rest = value
    while (rest > 0x1fffffffffffffn) {
      this.#bytes[this.#at++] = Number(rest & 127n) | 128
      rest >>= 7n
    }
    this.varint(Number(rest))
  }
}

function varintSize(value: number | bigint): number {
  if (typeof value === 'number') return value < 0 ? 10 : lengthSize(value)
  if (value < 0n) return 10
  let size = 1
  for (let rest = value; rest > 0x7fn; rest >>= 7n) size++
  return size
}

/** Bytes of the varint of a whole number from 0 to 2^53. */
function lengthSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++
  return size
}
