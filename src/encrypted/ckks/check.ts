import { inflateSync } from 'node:zlib'
import { decodeBase64 } from '../base64.ts'
import {
  checkFields,
  checkWords,
  concatFields,
  type Field,
  f64,
  type Header,
  header,
  headerBytes,
  headerStart,
  hexadecimal,
  readTotalBytes,
  refusal,
  u8,
  u64,
} from '../seal-fields.ts'
import {
  degree,
  galoisElement,
  main,
  maxKeyBytes,
  middle,
  parameterIds,
  type RotationStep,
  requestScale,
  rotationSteps,
  slotCount,
  spare,
  special,
} from './parameters.ts'

/** A polynomial pair whose second polynomial is written as the seed of its random words. */
export interface SeededPair {
  /** As points, `degree` words for each prime. */
  readonly words: BigUint64Array<ArrayBuffer>
  readonly seed: Uint8Array
}

/** For a rotation, one pair for each prime of a request: it encrypts the rotated secret key in the remainder of that prime alone. */
export type RotationKeys = ReadonlyMap<RotationStep, readonly SeededPair[]>

const version = { major: 3, minor: 5 } as const
const inner: Header = { ...version, compression: 'none' }
const outer: Header = { ...version, compression: 'zlib' }
const seedBytes = 64

/** The fields of a ciphertext of two polynomials as points, up to its words. */
export function ciphertextFields(id: string, primeCount: number, scale: number, wordCount: number): Field[] {
  return [
    hexadecimal('parameter id', id),
    u8('NTT form', 1),
    u64('number of polynomials', 2),
    u64('degree', degree),
    u64('number of primes', primeCount),
    f64('scale', scale),
    ...header(inner, headerBytes + 8 + wordCount * 8),
    u64('number of words', wordCount),
  ]
}

const requestPrimes = [main.q, middle.q, spare.q]
const requestFields = ciphertextFields(parameterIds.request, 3, requestScale, 3 * degree)
const requestBytes = concatFields(requestFields).length + 3 * degree * 8 + seedBytes
/** Zlib adds five bytes to each 16 KB that it cannot compress. The header of the package says 164.8 to 165.0 KB. */
const maxRequestBytes = 210_000

/**
 * Checks what `EILinearRegressionClient.encrypt` returns.
 *
 * @param data           base64, one for each 4,096 features
 * @param featureCount   of the model
 * @throws ScoringError INPUT_INVALID, which names the text and what is wrong with it
 */
export function checkRequest(data: readonly string[], featureCount: number): SeededPair[] {
  const expected = Math.ceil(featureCount / slotCount)
  if (data.length !== expected)
    throw refusal(
      'data',
      `it has ${data.length} ciphertexts, and ${featureCount} features are ${expected}, one for each ${slotCount}`,
    )
  return data.map((text, index) => {
    const subject = `data[${index}]`
    const bytes = decodeBase64(text, maxRequestBytes, subject)
    const { body, end } = inflateObject(bytes, 0, requestBytes, subject)
    if (end !== bytes.length) throw refusal(subject, `${bytes.length - end} bytes follow the ciphertext`)
    return readPair(body, 0, requestFields, requestPrimes, subject)
  })
}

const keyPrimes = [...requestPrimes, special.q]
const keyPairFields = ciphertextFields(parameterIds.keys, 4, 1, 4 * degree)
const keyPairBytes = headerBytes + concatFields(keyPairFields).length + 4 * degree * 8 + seedBytes
const keyFields = [...header(inner, keyPairBytes), ...keyPairFields]
const partCount = requestPrimes.length
const tableFields = [hexadecimal('parameter id', parameterIds.keys), u64('number of table entries', degree)]
const noParts = u64('number of key parts', 0)
const allParts = u64('number of key parts', partCount)
const tableBytes = 32 + 8 + degree * 8
const rotationBytes = tableBytes + rotationSteps.length * partCount * keyPairBytes

/**
 * Checks what `get_public_keys` returns: keys for rotations, and behind them others that scoring does not use.
 *
 * @throws ScoringError INPUT_INVALID, which says what is wrong
 */
export function checkKeys(blob: Uint8Array): RotationKeys {
  const subject = 'the public keys'
  if (blob.length > maxKeyBytes) throw refusal(subject, `they have ${blob.length} bytes, more than ${maxKeyBytes}`)
  const { body, end } = inflateObject(blob, 0, rotationBytes, `${subject}, rotations`)
  const last = checkFrame(blob, end, `${subject}, relinearisation`)
  if (last !== blob.length) throw refusal(subject, `${blob.length - last} bytes follow them`)
  let at = checkFields(body, 0, tableFields, subject)
  const found = new Map<RotationStep, SeededPair[]>()
  const steps = new Map(rotationSteps.map(step => [(galoisElement(step) - 1) / 2, step]))
  for (let index = 0; index < degree; index++) {
    const step = steps.get(index)
    const entry = `${subject}, table entry ${index}`
    at = checkFields(body, at, [step === undefined ? noParts : allParts], entry)
    if (step === undefined) continue
    const parts = Array.from({ length: partCount }, (_, part) =>
      readPair(body, at + part * keyPairBytes, keyFields, keyPrimes, `${entry}, part ${part}`),
    )
    found.set(step, parts)
    at += partCount * keyPairBytes
  }
  return found
}

function readPair(
  bytes: Uint8Array,
  at: number,
  fields: readonly Field[],
  primes: readonly bigint[],
  subject: string,
): SeededPair {
  const start = checkFields(bytes, at, fields, subject)
  const end = start + primes.length * degree * 8
  const words = checkWords(bytes.subarray(start, end), primes, degree, subject)
  return { words, seed: bytes.slice(end, end + seedBytes) }
}

/** Checks a compressed object's header. Returns where the object ends. */
function checkFrame(bytes: Uint8Array, at: number, subject: string): number {
  checkFields(bytes, at, headerStart(outer), subject)
  if (bytes.length - at < headerBytes) throw refusal(subject, 'it ends in the object size')
  const totalBytes = readTotalBytes(bytes, at)
  if (totalBytes <= headerBytes || totalBytes > bytes.length - at)
    throw refusal(subject, `its object size is ${totalBytes}, and ${bytes.length - at} bytes came`)
  return at + totalBytes
}

/** Inflates an object that has exactly so many bytes; one that would have more is refused as soon as it has. */
function inflateObject(
  bytes: Uint8Array,
  at: number,
  exactBytes: number,
  subject: string,
): { body: Uint8Array; end: number } {
  const end = checkFrame(bytes, at, subject)
  const compressed = bytes.subarray(at + headerBytes, end)
  let body: Uint8Array
  let readBytes: number
  try {
    // One piece of memory, of the size that is expected.
    const options = { maxOutputLength: exactBytes, chunkSize: exactBytes + 1, info: true }
    const { buffer, engine } = inflateSync(compressed, options) as unknown as {
      buffer: Uint8Array
      engine: { bytesWritten: number }
    }
    body = buffer
    readBytes = engine.bytesWritten
  } catch (error) {
    const isLonger = error instanceof RangeError
    const reason = isLonger ? `it inflates to more than ${exactBytes} bytes` : 'it is not a zlib stream'
    throw refusal(subject, reason)
  }
  if (body.length !== exactBytes) throw refusal(subject, `it inflates to ${body.length} bytes, expected ${exactBytes}`)
  if (readBytes !== compressed.length)
    throw refusal(subject, `${compressed.length - readBytes} bytes follow the zlib stream`)
  return { body, end }
}
