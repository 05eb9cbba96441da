import { lengthSize, varintSize, wireType } from './wire-format.ts'

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
