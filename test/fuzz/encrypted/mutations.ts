import { compress, header } from '../../encrypted/support/genuine-client.ts'
import type { Material } from './material.ts'

/** A request that is not as a client makes it. */
export interface Mutation {
  readonly kind: string
  /** What is asked: a score, a place for keys, or a score with keys that are put into the storage first. */
  readonly target: 'score' | 'put' | 'stored'
  readonly contentType: string
  readonly contentEncoding?: string
  readonly body: Buffer
  /** It cannot be a valid one: only a 4xx is right. */
  readonly isInvalid: boolean
}

type Made = Omit<Mutation, 'kind'>
type Random = () => number

const json = 'application/json'
const octets = 'application/octet-stream'

/** The kinds, how many of a thousand are of each, and how one is made. */
const kinds: readonly (readonly [name: string, share: number, make: (from: Material, random: Random) => Made])[] = [
  // Bits of base64 may be those of a word that stays below its prime, of a seed, or of a name that nobody reads.
  ['original: bits of the body', 100, (from, random) => score(flipped(originalBody(from), random), false)],
  ['original: a body cut off', 50, (from, random) => score(cut(originalBody(from), random), true)],
  ['original: a piece of the body twice', 50, (from, random) => score(repeated(originalBody(from), random), false)],
  ['original: bits of the packed ciphertext', 120, (from, random) => withPacked(from, flipped(packed(from), random))],
  ['original: outer header', 60, (from, random) => withPacked(from, flippedIn(packed(from), 0, 16, random), true)],
  ['original: fields of the ciphertext', 120, (from, random) => withCiphertext(from, fieldFlipped(from, random), true)],
  ['original: a word not below its prime', 60, (from, random) => withCiphertext(from, largeWord(from, random), true)],
  ['original: a word below its prime', 10, (from, random) => withCiphertext(from, smallWord(from, random), false)],
  ['original: a bomb', 60, (from, random) => withPacked(from, bomb(from, random), true)],
  ['original: other members', 100, (from, random) => score(text({ ...members(from), ...pick(others, random) }), true)],
  ['original: connection strings', 30, (from, random) => score(text(connection(from, random)), true)],
  ['fast: bits of the bytes', 60, (from, random) => fast(flipped(from.fast, random), false)],
  ['fast: bits of the JSON', 40, (from, random) => score(flipped(fastBody(from.fast), random), false)],
  ['fast: fields', 60, (from, random) => fast(fastFieldFlipped(from.fast, random), true)],
  ['fast: a word not below its prime', 30, (from, random) => fast(largeFastWord(from.fast, random), true)],
  ['fast: too long or too short', 30, (from, random) => fast(resized(from.fast, random), true)],
  ['a gzip bomb', 2, ({ gzipBomb }) => ({ ...score(gzipBomb, true), contentEncoding: 'gzip' })],
  ['deep JSON', 5, (_, random) => score(Buffer.from(`{"data": ${'['.repeat(1 + below(200_000, random))}`), true)],
  ['many ciphertexts', 3, (from, random) => score(text({ ...members(from), data: many(random) }), true)],
  ['random bytes', 8, (_, random) => score(Buffer.from(bytesOf(1 + 2 * below(50_000, random), random)), true, octets)],
  ['keys: by PUT', 1, (from, random) => ({ ...score(badKeys(from, random), true, octets), target: 'put' })],
  ['keys: in the storage', 1, (from, random) => ({ ...score(badKeys(from, random), true), target: 'stored' })],
]

const total = kinds.reduce((sum, [, share]) => sum + share, 0)

export function mutate(from: Material, random: Random): Mutation {
  let at = random() * total
  for (const [kind, share, make] of kinds) {
    at -= share
    if (at < 0) return { kind, ...make(from, random) }
  }
  throw new Error('the shares do not add up')
}

const score = (body: Buffer, isInvalid: boolean, contentType = json): Made => ({
  ...{ target: 'score', contentType, body, isInvalid },
})
const fast = (body: Buffer, isInvalid: boolean) => score(body, isInvalid, octets)
const text = (value: object) => Buffer.from(JSON.stringify(value))

const members = ({ client, packedText }: Material) => ({ data: [packedText], key_id: client.keyId })
const packed = ({ packedText }: Material) => Buffer.from(packedText, 'base64')
const originalBody = (from: Material) => text(members(from))
const fastBody = (bytes: Buffer) => text({ data: bytes.toString('base64') })
const withPacked = (from: Material, bytes: Buffer, isInvalid = false) =>
  score(text({ ...members(from), data: [bytes.toString('base64')] }), isInvalid)
const withCiphertext = (from: Material, bytes: Buffer, isInvalid: boolean) =>
  withPacked(from, compress(bytes), isInvalid)

const below = (limit: number, random: Random) => Math.floor(random() * limit)
const pick = <Value>(values: readonly Value[], random: Random) => values[below(values.length, random)] as Value
const bytesOf = (count: number, random: Random) => Array.from({ length: count }, () => below(256, random))

/** One to eight bits anywhere. */
function flipped(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  for (let count = 1 + below(8, random); count > 0; count--) flip(copy, below(copy.length, random), random)
  return copy
}

function flippedIn(bytes: Buffer, from: number, to: number, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  flip(copy, from + below(to - from, random), random)
  return copy
}

function flip(bytes: Buffer, at: number, random: Random): void {
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << below(8, random)), at)
}

const cut = (bytes: Buffer, random: Random) => bytes.subarray(0, below(bytes.length, random))

function repeated(bytes: Buffer, random: Random): Buffer {
  const from = below(bytes.length, random)
  const to = Math.min(bytes.length, from + 1 + below(1000, random))
  const at = below(bytes.length, random)
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, to), bytes.subarray(at)])
}

/** Parameter id, form, counts, scale, header and number of words of a ciphertext. */
const fieldBytes = 89
const fieldFlipped = ({ ciphertext }: Material, random: Random) => flippedIn(ciphertext, 0, fieldBytes, random)

const primes = [0xffffffffffe8001n, 0xfffff4c001n, 0xfffffdc001n]
const degree = 8192

function largeWord(from: Material, random: Random): Buffer {
  return withWord(from, random, prime => prime + BigInt(below(2 ** 40, random)))
}

function smallWord(from: Material, random: Random): Buffer {
  return withWord(from, random, prime => prime - 1n - BigInt(below(2 ** 30, random)))
}

function withWord({ ciphertext }: Material, random: Random, choose: (prime: bigint) => bigint): Buffer {
  const copy = Buffer.from(ciphertext)
  const word = below(primes.length * degree, random)
  copy.writeBigUInt64LE(choose(primes[Math.floor(word / degree)] as bigint), fieldBytes + 8 * word)
  return copy
}

function bomb({ zlibBombs }: Material, random: Random): Buffer {
  const content = pick(zlibBombs, random)
  return Buffer.concat([header(1, 16 + content.length), content])
}

/** What other programs might send in place of a member. `undefined` leaves it out. */
const others: readonly object[] = [
  { data: [] },
  { data: [''] },
  { data: ['XqEQAwUB'] },
  { data: ['XqEQAwUB', 7] },
  { data: [null] },
  { data: { 0: 'XqEQAwUB' } },
  { data: ['ä'] },
  { data: ['XqEQAwUB '] },
  { data: '' },
  { data: 'XqEQBAEA' },
  { key_id: undefined },
  { key_id: null },
  { key_id: 7 },
  { key_id: '' },
  { key_id: ['a'] },
  { key_id: 'a'.repeat(32) },
  { key_id: `${'a'.repeat(31)}\u0000` },
  { key_id: '../../jobs/spec.json' },
  { key_id: 'A'.repeat(32) },
  { key_id: 'a'.repeat(10_000) },
  { container: 'jobs' },
  { container: 7 },
  { container: 'callers-keys/..' },
]

/** Those of other accounts, and what is none. */
function connection(from: Material, random: Random): object {
  const { connectionString } = from
  const values: readonly unknown[] = [
    ...[7, '', 'x', {}, ';'.repeat(3000), 'AccountName', 'x'.repeat(10_000)],
    connectionString.replace('devstoreaccount1', 'another'),
    connectionString.replace(/BlobEndpoint=[^;]*/, 'BlobEndpoint=http://127.0.0.1:1/devstoreaccount1'),
    'AccountName=another;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net',
    'BlobEndpoint=file:///etc/passwd',
  ]
  return { ...members(from), conn_str: pick(values, random) }
}

/** Fields before the words of a request of the fast mode, and between them and the seed. */
const [fastHead, fastTail] = [
  [0, 113],
  [16_497, 16_514],
] as const

function fastFieldFlipped(bytes: Buffer, random: Random): Buffer {
  const [from, to] = random() < 0.8 ? fastHead : fastTail
  return flippedIn(bytes, from, to, random)
}

function largeFastWord(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeBigUInt64LE(0x3ffffffffed001n + BigInt(below(2 ** 50, random)), fastHead[1] + 8 * below(2048, random))
  return copy
}

function resized(bytes: Buffer, random: Random): Buffer {
  if (random() < 0.5) return bytes.subarray(0, 4 + below(bytes.length - 4, random))
  return Buffer.concat([bytes, Buffer.from(bytesOf(1 + below(1000, random), random))])
}

const many = (random: Random) => Array.from({ length: 2 + below(50_000, random) }, () => 'XqEQAwUB')

/** Fields of the table and of its first entries. */
const tableFieldBytes = 32 + 8 + 8 + 8 + 16 + 89

/** The first object of the keys has its header, two bytes of zlib and, as nothing is packed, its bytes in pieces of 64 KB. */
const tableAt = 16 + 2 + 5

function badKeys({ keys, zlibBombs }: Material, random: Random): Buffer {
  const choice = random()
  // Nothing is packed in them, so that a checksum tells of every bit.
  if (choice < 0.3) return flipped(keys, random)
  if (choice < 0.5) return keys.subarray(0, below(keys.length, random))
  if (choice < 0.7) return flippedIn(keys, tableAt, tableAt + tableFieldBytes, random)
  if (choice < 0.8) return Buffer.concat([keys, Buffer.from(bytesOf(1 + below(100, random), random))])
  const content = pick(zlibBombs, random)
  return Buffer.concat([header(1, 16 + content.length), content])
}
