/**
 * The wire format of Protocol Buffers, read in place: a message is a range of the file's bytes, so nothing is copied and
 * gigabytes of weights are passed over by their length. (https://protobuf.dev/programming-guides/encoding/)
 */

/** Bytes `start` (inclusive) to `end` (exclusive) of the file. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** A field in the file. `fieldStart` is the offset of its tag, so `fieldStart` to `end` is the whole field. */
export interface Field {
  readonly number: number
  readonly wireType: number
  readonly fieldStart: number
  /** The offset of the content: after the length of a length-delimited field, else that of the number itself. */
  readonly start: number
  readonly end: number
}

/** Says why the bytes are no well-formed ONNX file, in words for the owner of the model. */
export class UnreadableOnnx extends Error {
  override readonly name = 'UnreadableOnnx'
}

export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/**
 * Walks over the fields of one message, in the file's order.
 *
 * @throws UnreadableOnnx where a field does not end within the message
 */
export function* readFields(bytes: Uint8Array, { start, end }: ByteRange): Generator<Field> {
  let at = start
  while (at < end) {
    const fieldStart = at
    const [tag, afterTag] = readLength(bytes, at, end)
    const number = Math.floor(tag / 8)
    const wireType = tag % 8
    if (number === 0)
      throw new UnreadableOnnx(`byte ${fieldStart} begins a field with the number 0, which no message has`)
    let contentStart = afterTag
    switch (wireType) {
      case wireTypes.varint:
        at = endOfVarint(bytes, afterTag, end)
        break
      case wireTypes.fixed64:
        at = afterTag + 8
        break
      case wireTypes.bytes: {
        const [length, afterLength] = readLength(bytes, afterTag, end)
        contentStart = afterLength
        at = afterLength + length
        break
      }
      case wireTypes.fixed32:
        at = afterTag + 4
        break
      default:
        throw new UnreadableOnnx(`byte ${fieldStart} has the wire type ${wireType}, which ONNX files do not use`)
    }
    if (at > end)
      throw new UnreadableOnnx(`the field at byte ${fieldStart} goes ${at - end} bytes past its message's end`)
    yield { number, wireType, fieldStart, start: contentStart, end: at }
  }
}

/** Reads a tag or a length: an unsigned number below 2^53. */
function readLength(bytes: Uint8Array, at: number, end: number): [value: number, after: number] {
  let value = 0
  let unit = 1
  for (let index = at; index < end && index < at + 8; index++) {
    const byte = bytes[index] as number
    value += (byte & 127) * unit
    if (byte < 128) {
      if (value > Number.MAX_SAFE_INTEGER) break
      return [value, index + 1]
    }
    unit *= 128
  }
  throw new UnreadableOnnx(`the tag or length at byte ${at} does not end`)
}

function endOfVarint(bytes: Uint8Array, at: number, end: number): number {
  for (let index = at; index < end && index < at + 10; index++) if ((bytes[index] as number) < 128) return index + 1
  throw new UnreadableOnnx(`the number at byte ${at} does not end`)
}

/** Reads an `int64` (or `uint64`, when `isSigned` is false) whose varint begins at `start`. */
export function varintAt(bytes: Uint8Array, start: number, isSigned = true): bigint {
  let low = 0
  let high = 0
  let top = 0
  for (let index = 0; index < 10; index++) {
    const byte = bytes[start + index] as number
    const septet = byte & 127
    if (index < 4) low += septet * 2 ** (7 * index)
    else if (index < 8) high += septet * 2 ** (7 * (index - 4))
    else top += septet * 2 ** (7 * (index - 8))
    if (byte < 128) break
  }
  // Nearly every number in a model is small, and becomes a BigInt in one step.
  if (top === 0 && high < 2 ** 24) return BigInt(low + high * 2 ** 28)
  const value = BigInt(low) | (BigInt(high) << 28n) | (BigInt(top) << 56n)
  return isSigned ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)
}

/**
 * Reads the numbers of a repeated `int64` (or `uint64`) field, packed or one by one.
 *
 * @throws UnreadableOnnx when a packed number does not end
 */
export function* readVarints(bytes: Uint8Array, field: Field, isSigned = true): Generator<bigint> {
  if (field.wireType === wireTypes.varint) {
    yield varintAt(bytes, field.start, isSigned)
    return
  }
  expectWireType(field, wireTypes.bytes)
  for (let at = field.start; at < field.end; ) {
    const after = endOfVarint(bytes, at, field.end)
    yield varintAt(bytes, at, isSigned)
    at = after
  }
}

/** Reads the numbers of a repeated `float` or `double` field, packed or one by one. */
export function* readFloats(bytes: Uint8Array, field: Field, width: 4 | 8): Generator<number> {
  if (field.wireType !== wireTypes.bytes) expectWireType(field, width === 4 ? wireTypes.fixed32 : wireTypes.fixed64)
  if ((field.end - field.start) % width !== 0)
    throw new UnreadableOnnx(`the list of numbers at byte ${field.fieldStart} is cut in the middle of one`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = field.start; at < field.end; at += width)
    yield width === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true)
}

export function expectWireType(field: Field, wireType: number): void {
  if (field.wireType !== wireType)
    throw new UnreadableOnnx(
      `field ${field.number} at byte ${field.fieldStart} has the wire type ${field.wireType}, not ${wireType}`,
    )
}

// A byte order mark belongs to the text; text that is not UTF-8 could make two names equal.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws UnreadableOnnx when the bytes are not UTF-8 */
export function textAt(bytes: Uint8Array, field: Field): string {
  expectWireType(field, wireTypes.bytes)
  try {
    return utf8.decode(bytes.subarray(field.start, field.end))
  } catch {
    throw new UnreadableOnnx(`the text at byte ${field.start} is not UTF-8`)
  }
}

/** Encodes a length-delimited field (message, text, packed list) with `parts`, one after the other, as its content. */
export function encodeBytesField(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return concatBytes([encodeFieldHead(number, length), ...parts])
}

/** Encodes the tag and length of a length-delimited field whose content follows. */
export function encodeFieldHead(number: number, length: number): Uint8Array {
  return concatBytes([encodeVarint((BigInt(number) << 3n) | 2n), encodeVarint(BigInt(length))])
}

/** Encodes an `int64`, `int32` or enum field. */
export function encodeIntegerField(number: number, value: number | bigint): Uint8Array {
  return concatBytes([encodeVarint(BigInt(number) << 3n), encodeVarint(BigInt.asUintN(64, BigInt(value)))])
}

export function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function encodeVarint(value: bigint): Uint8Array {
  const encoded: number[] = []
  let rest = value
  while (rest >= 128n) {
    encoded.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  return Uint8Array.from([...encoded, Number(rest)])
}
