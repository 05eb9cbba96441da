/**
 * Values of Parquet as JSON text. They are read raw, so that no digits are lost:
 *
 * - integers and decimals with all their digits; floating-point numbers in JavaScript's shortest spelling; NaN and infinities as null, or as
 *   Python's words where a floating-point input takes them
 * - text as strings; bytes without a type as base64; UUIDs as usual; JSON as it is
 * - dates `2026-11-21`; times of day and timestamps as ISO 8601 with the digits of their unit, with `Z` where they are in UTC
 * - lists as arrays, groups and maps as objects, nulls as null
 */
import type { SchemaElement, SchemaTree } from 'hyparquet'
import type { Dtype } from '../../tensor/dtype.ts'
import { anyFloat, bigEndian, date, decimal, float, float16, json, time, timestamp } from './parquet-values.ts'

type Encode = (value: unknown) => string

/** The parts of hyparquet that classify groups. */
export interface SchemaGroups {
  isListLike(schema: SchemaTree): boolean
  isMapLike(schema: SchemaTree): boolean
}

/**
 * @param hasNonFinite  whether NaN and infinities are written as Python's words; otherwise they are null
 * @returns undefined for a type that is not supported
 */
export function createEncoder(node: SchemaTree, groups: SchemaGroups, hasNonFinite = false): Encode | undefined {
  const encode = valueEncoder(node, groups, hasNonFinite)
  if (!encode) return undefined
  // A repeated field outside a list is itself a list.
  const isRepeated = node.element.repetition_type === 'REPEATED' && !groups.isListLike(node)
  return orNull(isRepeated ? encodeList(encode) : encode)
}

function valueEncoder(node: SchemaTree, groups: SchemaGroups, hasNonFinite: boolean): Encode | undefined {
  const { element, children } = node
  if (children.length === 0) return leafEncoder(element, hasNonFinite)
  if (element.logical_type?.type === 'VARIANT') return undefined
  const [inner] = children as [SchemaTree]
  if (groups.isListLike(node)) {
    const item =
      inner.children.length === 1
        ? createEncoder(inner.children[0] as SchemaTree, groups, hasNonFinite)
        : leafEncoder(inner.element, hasNonFinite)
    return item && encodeList(orNull(item))
  }
  if (groups.isMapLike(node)) {
    const member = createEncoder(inner.children[1] as SchemaTree, groups, hasNonFinite)
    return member && encodeObject(() => member)
  }
  const members = new Map<string, Encode>()
  for (const child of children) {
    const member = createEncoder(child, groups, hasNonFinite)
    if (!member) return undefined
    members.set(child.element.name, member)
  }
  return encodeObject(name => members.get(name) as Encode)
}

function orNull(encode: Encode): Encode {
  return value => (value === null || value === undefined ? 'null' : encode(value))
}

function encodeList(encode: Encode): Encode {
  return value => `[${Array.from(value as ArrayLike<unknown>, encode).join(',')}]`
}

function encodeObject(encodeMember: (name: string) => Encode): Encode {
  return value =>
    `{${Object.entries(value as object)
      .map(([name, member]) => `${JSON.stringify(name)}:${encodeMember(name)(member)}`)
      .join(',')}}`
}

function leafEncoder(element: SchemaElement, hasNonFinite: boolean): Encode | undefined {
  const { type, converted_type: converted, logical_type: logical } = element
  if (isDecimal(element)) {
    const scale = decimalScale(element)
    return value => decimal(value instanceof Uint8Array ? bigEndian(value) : BigInt(value as number | bigint), scale)
  }
  switch (type) {
    case 'BOOLEAN':
      return String
    case 'INT32':
      if (converted === 'DATE' || logical?.type === 'DATE') return value => date(value as number)
      if (converted === 'TIME_MILLIS' || logical?.type === 'TIME') return value => time(BigInt(value as number), 3)
      return isUnsigned(element) ? value => String((value as number) >>> 0) : String
    case 'INT64':
      return int64Encoder(element)
    case 'INT96':
      return value => timestamp(value as bigint, 9, true)
    case 'FLOAT':
    case 'DOUBLE':
      return hasNonFinite ? anyFloat : float
    default:
      return bytesEncoder(element, hasNonFinite)
  }
}

export function isDecimal({ converted_type: converted, logical_type: logical }: SchemaElement): boolean {
  return converted === 'DECIMAL' || logical?.type === 'DECIMAL'
}

/** Digits behind the point. */
export function decimalScale({ scale, logical_type: logical }: SchemaElement): number {
  return scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0)
}

const integerBits: Readonly<Record<string, Dtype>> = {
  ...{ INT_8: 'int8', INT_16: 'int16', INT_32: 'int32', INT_64: 'int64' },
  ...{ UINT_8: 'uint8', UINT_16: 'uint16', UINT_32: 'uint32', UINT_64: 'uint64' },
}

/** @returns the type of the values of a column; undefined where they are text, or none that a tensor has */
export function leafDtype({
  type,
  converted_type: converted,
  logical_type: logical,
  repetition_type,
}: SchemaElement): Dtype | undefined {
  if (repetition_type === 'REPEATED') return undefined
  if (type === 'BOOLEAN') return 'bool'
  if (type === 'FLOAT') return 'float32'
  if (type === 'DOUBLE') return 'float64'
  if (logical?.type === 'FLOAT16') return 'float16'
  if (type !== 'INT32' && type !== 'INT64') return undefined
  if (logical?.type === 'INTEGER') return integerBits[`${logical.isSigned ? '' : 'U'}INT_${logical.bitWidth}`]
  if (converted !== undefined) return integerBits[converted]
  return logical ? undefined : type === 'INT32' ? 'int32' : 'int64'
}

function isUnsigned({ converted_type: converted, logical_type: logical }: SchemaElement): boolean {
  return converted?.startsWith('UINT_') || (logical?.type === 'INTEGER' && !logical.isSigned)
}

const unitDigits = { MILLIS: 3, MICROS: 6, NANOS: 9 } as const

function int64Encoder(element: SchemaElement): Encode {
  const { converted_type: converted, logical_type: logical } = element
  if (logical?.type === 'TIMESTAMP') {
    return value => timestamp(value as bigint, unitDigits[logical.unit], logical.isAdjustedToUTC)
  }
  if (logical?.type === 'TIME') return value => time(value as bigint, unitDigits[logical.unit])
  if (converted === 'TIMESTAMP_MILLIS') return value => timestamp(value as bigint, 3, true)
  if (converted === 'TIMESTAMP_MICROS') return value => timestamp(value as bigint, 6, true)
  if (converted === 'TIME_MICROS') return value => time(value as bigint, 6)
  return isUnsigned(element) ? value => String(BigInt.asUintN(64, value as bigint)) : String
}

function bytesEncoder(
  { converted_type: converted, logical_type: logical }: SchemaElement,
  hasNonFinite: boolean,
): Encode {
  const buffer = (value: unknown) => {
    const { buffer, byteOffset, length } = value as Uint8Array
    return Buffer.from(buffer, byteOffset, length)
  }
  if (logical?.type === 'UUID') {
    return value =>
      `"${buffer(value)
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}"`
  }
  if (logical?.type === 'FLOAT16') return value => (hasNonFinite ? anyFloat : float)(float16(buffer(value)))
  if (converted === 'JSON' || logical?.type === 'JSON') return value => json(buffer(value).toString())
  const isText = converted === 'UTF8' || converted === 'ENUM' || logical?.type === 'STRING' || logical?.type === 'ENUM'
  return value => JSON.stringify(buffer(value).toString(isText ? 'utf8' : 'base64'))
}
