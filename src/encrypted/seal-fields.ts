/**
 * Objects of Microsoft SEAL as lists of fields with fixed values. What comes from outside is compared with such a list, field by
 * field, before anything else looks at it; what goes out is the list's bytes. Numbers are little-endian.
 */
import { ScoringError } from '../errors.ts'

export interface Field {
  readonly name: string
  readonly bytes: Uint8Array
  /** What a caller can do when it differs. */
  readonly hint?: string
}

export const u8 = (name: string, value: number): Field => ({ name, bytes: Uint8Array.of(value) })

export function u64(name: string, value: number): Field {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true)
  return { name, bytes }
}

export function f64(name: string, value: number): Field {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value, true)
  return { name, bytes }
}

export function hexadecimal(name: string, digits: string): Field {
  return { name, bytes: Uint8Array.from(digits.match(/../g) ?? [], pair => Number.parseInt(pair, 16)) }
}

export const headerBytes = 16
export const compressionModes = { none: 0, zlib: 1 } as const

export interface Header {
  readonly major: number
  readonly minor: number
  readonly compression: keyof typeof compressionModes
}

/** The header of an object without its last field, the number of bytes with the header. */
export function headerStart({ major, minor, compression }: Header): Field[] {
  return [
    { name: 'magic number', bytes: Uint8Array.of(0x5e, 0xa1) },
    u8('header size', headerBytes),
    { name: 'SEAL version', bytes: Uint8Array.of(major, minor) },
    u8('compression mode', compressionModes[compression]),
    { name: 'reserved field', bytes: Uint8Array.of(0, 0) },
  ]
}

/** @param totalBytes  of the object, with its header */
export function header(start: Header, totalBytes: number): Field[] {
  return [...headerStart(start), u64('object size', totalBytes)]
}

export function concatFields(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(fields.reduce((sum, { bytes }) => sum + bytes.length, 0))
  let at = 0
  for (const { bytes } of fields) {
    all.set(bytes, at)
    at += bytes.length
  }
  return all
}

/**
 * Compares the bytes from `at` with the fields.
 *
 * @param subject  what the refusal begins with, such as `data[0]`
 * @returns where the fields end
 * @throws ScoringError INPUT_INVALID, which names the first field that differs
 */
export function checkFields(bytes: Uint8Array, at: number, fields: readonly Field[], subject: string): number {
  let end = at
  for (const { name, bytes: expected, hint } of fields) {
    const found = bytes.subarray(end, end + expected.length)
    if (found.length < expected.length) throw refusal(subject, `it ends in the ${name}`)
    if (!found.every((byte, index) => byte === expected[index]))
      throw refusal(
        subject,
        `its ${name} is ${digits(found)}, expected ${digits(expected)} (hexadecimal bytes)${hint ? `; ${hint}` : ''}`,
      )
    end += expected.length
  }
  return end
}

/** The size of the object at `at`, from the last field of its header. */
export function readTotalBytes(bytes: Uint8Array, at: number): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at + headerBytes - 8, true))
}

/**
 * Compares each word with the prime that it is a remainder of.
 *
 * @param words  little-endian, `degree` words for each prime
 * @returns the words
 */
export function checkWords(
  words: Uint8Array,
  primes: readonly bigint[],
  degree: number,
  subject: string,
): BigUint64Array<ArrayBuffer> {
  // Words lie at odd addresses; the copy does not. Halves of 32 bits are compared, as bigints would take a hundred times as long.
  const copy = Uint8Array.from(words)
  const halves = new Uint32Array(copy.buffer)
  primes.forEach((prime, number) => {
    const high = Number(prime >> 32n)
    const low = Number(prime & 0xffffffffn)
    for (let at = number * degree * 2, end = at + degree * 2; at < end; at += 2) {
      const upper = halves[at + 1] as number
      if (upper > high || (upper === high && (halves[at] as number) >= low))
        throw refusal(subject, `word ${at / 2} is not below its prime, ${prime}`)
    }
  })
  return new BigUint64Array(copy.buffer)
}

export function refusal(subject: string, reason: string): ScoringError {
  return new ScoringError('INPUT_INVALID', `${subject}: ${reason}.`)
}

const digits = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ')
