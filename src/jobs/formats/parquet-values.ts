/** JSON text of single values in Parquet's encodings (parquet-format, LogicalTypes.md). */

export function float(value: unknown): string {
  if (Object.is(value, -0)) return '-0'
  return Number.isFinite(value) ? String(value) : 'null'
}

/** Writes NaN and infinities as Python does; JSON has no words for them. */
export function anyFloat(value: unknown): string {
  return Number.isFinite(value) ? float(value) : String(value)
}

/** IEEE 754 binary16, little-endian. Float16Array came with Node 24. */
export function float16(bytes: Buffer): number {
  const bits = bytes.readUInt16LE()
  const sign = bits >> 15 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
}

/** JSON on one line; text that is not JSON becomes a string. */
export function json(text: string): string {
  try {
    JSON.parse(text)
    return text.replace(/[\r\n]/g, ' ')
  } catch {
    return JSON.stringify(text)
  }
}

/** Two's complement. */
export function bigEndian(bytes: Uint8Array): bigint {
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x0${Buffer.from(bytes).toString('hex')}`))
}

export function decimal(unscaled: bigint, scale: number): string {
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale))
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** @returns undefined for years beyond JavaScript's dates */
function iso(milliseconds: number): string | undefined {
  const moment = new Date(milliseconds)
  return Number.isNaN(moment.getTime()) ? undefined : moment.toISOString()
}

export function date(days: number): string {
  const text = iso(days * 86_400_000)
  return text ? `"${text.slice(0, text.indexOf('T'))}"` : 'null'
}

/** @param digits  decimal digits of the unit: 3 for milliseconds, 6, or 9 */
export function timestamp(count: bigint, digits: number, isUtc: boolean): string {
  const perSecond = 10n ** BigInt(digits)
  const fraction = ((count % perSecond) + perSecond) % perSecond
  const text = iso(Number((count - fraction) / perSecond) * 1000)
  if (!text) return 'null'
  return `"${text.replace('.000Z', `.${String(fraction).padStart(digits, '0')}`)}${isUtc ? 'Z' : ''}"`
}

/** Time of day. */
export function time(count: bigint, digits: number): string {
  return timestamp(count, digits, false).replace('1970-01-01T', '')
}
