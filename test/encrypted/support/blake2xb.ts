/** BLAKE2b and BLAKE2Xb once more, in bigints, from RFC 7693 and the BLAKE2X paper. */
const mask = (1n << 64n) - 1n
const iv = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
]
const sigma = [
  '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15',
  '14 10 4 8 9 15 13 6 1 12 0 2 11 7 5 3',
  '11 8 12 0 5 2 15 13 10 14 3 6 7 1 9 4',
  '7 9 3 1 13 12 11 14 2 6 5 10 4 0 15 8',
  '9 0 5 7 2 4 10 15 14 1 11 12 6 8 3 13',
  '2 12 6 10 0 11 8 3 4 13 7 5 15 14 1 9',
  '12 5 1 15 14 13 4 10 0 7 6 3 9 2 8 11',
  '13 11 7 14 12 1 3 9 5 0 15 4 8 6 2 10',
  '6 15 14 9 11 3 0 8 12 2 13 7 1 4 10 5',
  '10 2 8 4 7 6 1 5 15 11 9 14 3 12 13 0',
].map(row => row.split(' ').map(Number))

const rotate = (value: bigint, bits: bigint) => ((value >> bits) | (value << (64n - bits))) & mask
const wordsFrom = (bytes: Buffer) => Array.from({ length: bytes.length / 8 }, (_, at) => bytes.readBigUInt64LE(8 * at))

function compress(state: bigint[], block: Buffer, length: bigint, isLast: boolean): bigint[] {
  const m = wordsFrom(block)
  const v = [...state, ...iv]
  v[12] = v[12]! ^ length
  if (isLast) v[14] = v[14]! ^ mask
  const mix = (a: number, b: number, c: number, d: number, x: bigint, y: bigint) => {
    v[a] = (v[a]! + v[b]! + x) & mask
    v[d] = rotate(v[d]! ^ v[a]!, 32n)
    v[c] = (v[c]! + v[d]!) & mask
    v[b] = rotate(v[b]! ^ v[c]!, 24n)
    v[a] = (v[a]! + v[b]! + y) & mask
    v[d] = rotate(v[d]! ^ v[a]!, 16n)
    v[c] = (v[c]! + v[d]!) & mask
    v[b] = rotate(v[b]! ^ v[c]!, 63n)
  }
  for (let round = 0; round < 12; round++) {
    const s = sigma[round % 10]!
    for (let column = 0; column < 4; column++)
      mix(column, column + 4, column + 8, column + 12, m[s[2 * column]!]!, m[s[2 * column + 1]!]!)
    for (let column = 0; column < 4; column++) {
      const [b, c, d] = [4 + ((column + 1) % 4), 8 + ((column + 2) % 4), 12 + ((column + 3) % 4)]
      mix(column, b, c, d, m[s[8 + 2 * column]!]!, m[s[9 + 2 * column]!]!)
    }
  }
  return state.map((word, index) => word ^ v[index]! ^ v[index + 8]!)
}

/** @param parameters  the parameter block, 64 bytes */
function hash(parameters: Buffer, input: Buffer): Buffer {
  let state = iv.map((word, index) => word ^ parameters.readBigUInt64LE(8 * index))
  const blockCount = Math.max(1, Math.ceil(input.length / 128))
  for (let number = 0; number < blockCount; number++) {
    const block = Buffer.alloc(128)
    input.copy(block, 0, 128 * number)
    state = compress(state, block, BigInt(Math.min(input.length, 128 * (number + 1))), number === blockCount - 1)
  }
  const digest = Buffer.alloc(64)
  state.forEach((word, index) => {
    digest.writeBigUInt64LE(word, 8 * index)
  })
  return digest
}

export function blake2b(input: Buffer, digestBytes: number): Buffer {
  const parameters = Buffer.alloc(64)
  parameters.set([digestBytes, 0, 1, 1])
  return hash(parameters, input).subarray(0, digestBytes)
}

/** SEAL's stream of a seed: 4,096 bytes for each value of a counter. */
export function sealStream(seed: Buffer, byteCount: number): Buffer {
  const parts: Buffer[] = []
  for (let counter = 0; counter * 4096 < byteCount; counter++) {
    const root = Buffer.alloc(64)
    root.set([64, 64, 1, 1])
    root.writeUInt32LE(4096, 12)
    const input = Buffer.alloc(136)
    seed.copy(input)
    input.writeUInt32LE(counter, 128)
    const inner = hash(root, input)
    for (let node = 0; node < 64; node++) {
      const leaf = Buffer.alloc(64)
      leaf.set([64, 0, 0, 0])
      leaf.writeUInt32LE(64, 4)
      leaf.writeUInt32LE(node, 8)
      leaf.writeUInt32LE(4096, 12)
      leaf.set([0, 64], 16)
      parts.push(hash(leaf, inner))
    }
  }
  return Buffer.concat(parts).subarray(0, byteCount)
}
