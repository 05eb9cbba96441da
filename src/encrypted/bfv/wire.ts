/**
 * What goes over HTTP in the fast mode besides requests: what a service publishes of its model, and replies. A reply names the
 * layout that it was made with, so that a client notices when the model has been replaced since it read the layout.
 *
 * What clients use works in browsers as well.
 */
import type { BfvReply } from './engine.ts'
import { type BfvLayout, degree, locateScore, polynomialCount, prime } from './layout.ts'
import type { BfvPlan } from './plan.ts'

/** What a service publishes for the fast mode. None of it is secret. */
export interface PublishedLayout extends BfvLayout {
  readonly scheme: 'bfv'
  readonly degree: number
  /** A decimal number, as it passes 2^53. */
  readonly coefficientModulus: string
  /** SEAL's `parms_id` of requests, in hexadecimal digits. */
  readonly parameterId: string
  /** Bytes of a request before base64. */
  readonly requestBytes: number
  /** How far a decrypted score can be from that of the model. */
  readonly maxError: number
  /** The same for features that are multiples of 1 / featureScale. */
  readonly maxErrorOfMultiples: number
  /** The names of the classes, in the order of the scores, if the model has them. */
  readonly labels?: readonly (string | number)[]
}

/** A reply as JSON. */
export interface JsonReply {
  readonly scheme: 'bfv'
  readonly featureCount: number
  readonly classesPerPolynomial: number
  readonly plainBits: number
  readonly featureScale: number
  readonly weightScale: number
  readonly wordBytes: number
  /** The coefficient of each class's score, in the polynomial number floor(class / classesPerPolynomial). */
  readonly positions: readonly number[]
  /** For each class the coefficient of the first polynomial, as a decimal number: it passes 2^53. */
  readonly scores: readonly string[]
  /** The second polynomials, `wordBytes` bytes for each of their coefficients, little-endian, in base64. */
  readonly polynomials: string
}

/** What came is not what the fast mode sends, or not for this model. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

const scheme = 'bfv'
const binaryMagic = 0x31454653 // "SFE1"
const binaryHeaderBytes = 32
const maxClasses = 2 ** 16

export function encodeLayout(
  plan: BfvPlan,
  parameterId: string,
  requestBytes: number,
  labels?: readonly (string | number)[],
): PublishedLayout {
  const { featureCount, classCount, classesPerPolynomial, plainBits, featureScale, weightScale } = plan
  return {
    ...{ scheme, degree, coefficientModulus: String(prime.q), parameterId, requestBytes },
    ...{ featureCount, classCount, classesPerPolynomial, plainBits, featureScale, weightScale },
    ...{ maxFeature: plan.maxFeature, wordBytes: plan.wordBytes },
    ...{ maxError: plan.maxError, maxErrorOfMultiples: plan.maxErrorOfMultiples },
    ...(labels && { labels }),
  }
}

/**
 * @param published  parsed JSON
 * @throws WireError that names the field
 */
export function decodeLayout(published: unknown): PublishedLayout {
  const fields = asRecord(published, 'the layout')
  check(fields, 'scheme', value => value === scheme, `"${scheme}"`)
  check(fields, 'degree', value => value === degree, `${degree}`)
  check(fields, 'coefficientModulus', value => value === String(prime.q), `"${prime.q}"`)
  check(fields, 'parameterId', value => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value), '64 digits')
  check(fields, 'requestBytes', isInteger(1, 2 ** 20), 'a number of bytes')
  check(fields, 'featureCount', isInteger(1, degree), `1 to ${degree}`)
  check(fields, 'classCount', isInteger(1, maxClasses), `1 to ${maxClasses}`)
  const most = Math.floor(degree / (fields.featureCount as number))
  check(fields, 'classesPerPolynomial', isInteger(1, most), `1 to ${most}`)
  check(fields, 'plainBits', isInteger(2, 53), '2 to 53')
  check(fields, 'wordBytes', isInteger(4, 8), '4 to 8')
  for (const name of ['featureScale', 'weightScale', 'maxFeature']) check(fields, name, isPositive, 'a positive number')
  for (const name of ['maxError', 'maxErrorOfMultiples'])
    check(fields, name, value => value === 0 || isPositive(value), 'a number')
  const { labels, classCount } = fields
  if (labels !== undefined)
    check(fields, 'labels', value => Array.isArray(value) && value.length === classCount, `${classCount} names`)
  return published as PublishedLayout
}

export function encodeReply({ scores, polynomials }: BfvReply, layout: BfvLayout): JsonReply {
  // Only servers encode replies, and Buffer is twenty times as fast as what browsers have.
  const base64 = Buffer.from(polynomials.buffer, polynomials.byteOffset, polynomials.length).toString('base64')
  return { scheme, ...layoutFields(layout), scores: Array.from(scores, String), polynomials: base64 }
}

/**
 * @param layout  of the request
 * @throws WireError that names the field
 */
export function decodeReply(reply: unknown, layout: BfvLayout): BfvReply {
  const fields = asRecord(reply, 'the reply')
  check(fields, 'scheme', value => value === scheme, `"${scheme}"`)
  for (const [name, own] of Object.entries(layoutFields(layout)))
    if (JSON.stringify(fields[name]) !== JSON.stringify(own)) throw modelChanged(name)
  const { classCount } = layout
  check(fields, 'scores', value => Array.isArray(value) && value.length === classCount, `${classCount} numbers`)
  const scores = BigUint64Array.from(fields.scores as unknown[], (score, index) => {
    const word = typeof score === 'string' && /^\d{1,17}$/.test(score) ? BigInt(score) : prime.q
    return checkWord(word, index)
  })
  const polynomials = decodeBase64(fields.polynomials, polynomialBytes(layout))
  return { scores, polynomials }
}

/**
 * The same as bytes, for `Accept: application/octet-stream`: the layout in 32 bytes, a word for each class, the second polynomials.
 * Numbers are little-endian.
 */
export function encodeBinaryReply({ scores, polynomials }: BfvReply, layout: BfvLayout): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(binaryReplyBytes(layout))
  const view = new DataView(bytes.buffer)
  bytes.set(binaryHeader(layout))
  scores.forEach((word, index) => {
    view.setBigUint64(binaryHeaderBytes + index * 8, word, true)
  })
  bytes.set(polynomials, binaryHeaderBytes + scores.length * 8)
  return bytes
}

/** Bytes of such a reply. */
export const binaryReplyBytes = (layout: BfvLayout) =>
  binaryHeaderBytes + layout.classCount * 8 + polynomialBytes(layout)

/** @throws WireError */
export function decodeBinaryReply(bytes: Uint8Array, layout: BfvLayout): BfvReply {
  const { classCount } = layout
  const own = binaryHeader(layout)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < binaryHeaderBytes || view.getUint32(0, true) !== binaryMagic)
    throw new WireError(`the reply does not begin as one of encrypted scores (${bytes.length} bytes)`)
  if (!own.every((byte, index) => byte === bytes[index])) throw modelChanged('header')
  const expected = binaryReplyBytes(layout)
  if (bytes.length !== expected) throw new WireError(`the reply has ${bytes.length} bytes, expected ${expected}`)
  const scores = BigUint64Array.from({ length: classCount }, (_, index) =>
    checkWord(view.getBigUint64(binaryHeaderBytes + index * 8, true), index),
  )
  return { scores, polynomials: bytes.slice(binaryHeaderBytes + classCount * 8) }
}

/** Encodes in a way that browsers have as well. */
export function encodeBase64(bytes: Uint8Array): string {
  const parts: string[] = []
  const most = 8192 // arguments of a call
  for (let at = 0; at < bytes.length; at += most)
    parts.push(String.fromCharCode(...(bytes.subarray(at, at + most) as unknown as number[])))
  return btoa(parts.join(''))
}

function decodeBase64(text: unknown, length: number): Uint8Array<ArrayBuffer> {
  if (typeof text !== 'string' || text.length !== Math.ceil(length / 3) * 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    throw new WireError(`the reply's "polynomials" are not ${length} bytes in base64`)
  const binary = atob(text)
  if (binary.length !== length)
    throw new WireError(`the reply's "polynomials" have ${binary.length} bytes, not ${length}`)
  return Uint8Array.from(binary, character => character.charCodeAt(0))
}

const polynomialBytes = (layout: BfvLayout) => polynomialCount(layout) * degree * layout.wordBytes

/** What decryption depends on. */
function layoutFields(layout: BfvLayout) {
  const { featureCount, classCount, classesPerPolynomial, plainBits, featureScale, weightScale, wordBytes } = layout
  return {
    ...{ featureCount, classesPerPolynomial, plainBits, featureScale, weightScale, wordBytes },
    positions: Array.from({ length: classCount }, (_, index) => locateScore(layout, index).coefficient),
  }
}

function binaryHeader(layout: BfvLayout): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(binaryHeaderBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, binaryMagic, true)
  view.setUint8(4, layout.wordBytes)
  view.setUint8(5, layout.plainBits)
  view.setUint16(6, layout.featureCount, true)
  view.setUint32(8, layout.classCount, true)
  view.setUint32(12, layout.classesPerPolynomial, true)
  view.setFloat64(16, layout.featureScale, true)
  view.setFloat64(24, layout.weightScale, true)
  return bytes
}

function checkWord(word: bigint, index: number): bigint {
  if (word >= prime.q) throw new WireError(`the reply's score ${index} is not a number below ${prime.q}`)
  return word
}

function modelChanged(field: string): WireError {
  return new WireError(
    `the reply is of another model than the request: its ${field} differs. The model has been replaced; create the client again`,
  )
}

function asRecord(value: unknown, subject: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new WireError(`${subject} is not a JSON object`)
  return value as Record<string, unknown>
}

function check(
  fields: Record<string, unknown>,
  name: string,
  isValid: (value: unknown) => boolean,
  expected: string,
): void {
  const value = fields[name]
  if (!isValid(value))
    throw new WireError(`"${name}" is ${JSON.stringify(value)?.slice(0, 80) ?? 'missing'}, expected ${expected}`)
}

const isInteger = (least: number, most: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most
const isPositive = (value: unknown) => typeof value === 'number' && value > 0 && Number.isFinite(value)
