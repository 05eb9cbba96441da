/**
 * SEAL's stream of random words: BLAKE2Xb with a seed of 64 bytes as its key and a counter of 8 bytes as its input, 4,096 bytes a
 * count (RFC 7693 and "BLAKE2X" by Aumasson and others). Rows of the state are two vectors each.
 */
const seedAt = memory.data(64, 16)
const inputAt = memory.data(128, 16)
const stateAt = memory.data(64, 16)
const bufferAt = memory.data(4096, 16)
let counter: u64 = 0
let used: usize = 0

const iv = memory.data<u64>(
  [
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
    0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
  ],
  16,
)
/** Word numbers times 8, of which each row of the table has first those of the columns, then those of the diagonals. */
const schedule = memory.data<u8>([
  0, 16, 32, 48, 8, 24, 40, 56, 64, 80, 96, 112, 72, 88, 104, 120,
  112, 32, 72, 104, 80, 64, 120, 48, 8, 0, 88, 40, 96, 16, 56, 24,
  88, 96, 40, 120, 64, 0, 16, 104, 80, 24, 56, 72, 112, 48, 8, 32,
  56, 24, 104, 88, 72, 8, 96, 112, 16, 40, 32, 120, 48, 80, 0, 64,
  72, 40, 16, 80, 0, 56, 32, 120, 112, 88, 48, 24, 8, 96, 64, 104,
  16, 48, 0, 64, 96, 80, 88, 24, 32, 56, 120, 8, 104, 40, 112, 72,
  96, 8, 112, 32, 40, 120, 104, 80, 0, 48, 72, 64, 56, 24, 16, 88,
  104, 56, 96, 24, 88, 112, 8, 72, 40, 120, 64, 16, 0, 32, 48, 80,
  48, 112, 88, 0, 120, 72, 24, 64, 96, 104, 8, 80, 16, 56, 32, 40,
  80, 64, 56, 8, 16, 32, 48, 40, 120, 72, 24, 104, 88, 112, 96, 0,
  0, 16, 32, 48, 8, 24, 40, 56, 64, 80, 96, 112, 72, 88, 104, 120,
  112, 32, 72, 104, 80, 64, 120, 48, 8, 0, 88, 40, 96, 16, 56, 24,
])

@inline
function rotate(value: v128, bits: i32): v128 {
  return v128.or(i64x2.shr_u(value, bits), i64x2.shl(value, 64 - bits))
}

@inline
function words(row: usize, at: usize): v128 {
  return v128.load_lane<u64>(inputAt + load<u8>(row + at + 1), v128.load_zero<u64>(inputAt + load<u8>(row + at)), 1)
}

/**
 * Compresses the block at inputAt into the state at stateAt.
 *
 * @param length     bytes so far
 * @param lastBlock  all ones for the last block, otherwise 0
 */
function compress(length: u64, lastBlock: u64): void {
  let a0 = v128.load(stateAt)
  let a1 = v128.load(stateAt, 16)
  let b0 = v128.load(stateAt, 32)
  let b1 = v128.load(stateAt, 48)
  let c0 = v128.load(iv)
  let c1 = v128.load(iv, 16)
  let d0 = v128.xor(v128.load(iv, 32), i64x2.replace_lane(i64x2.splat(0), 0, length))
  let d1 = v128.xor(v128.load(iv, 48), i64x2.replace_lane(i64x2.splat(0), 0, lastBlock))
  for (let row = schedule, end = schedule + 192; row < end; row += 16) {
    for (let half: usize = 0; half < 16; half += 8) {
      a0 = i64x2.add(i64x2.add(a0, b0), words(row, half))
      a1 = i64x2.add(i64x2.add(a1, b1), words(row, half + 2))
      d0 = v128.xor(d0, a0)
      d1 = v128.xor(d1, a1)
      d0 = v128.shuffle<u32>(d0, d0, 1, 0, 3, 2)
      d1 = v128.shuffle<u32>(d1, d1, 1, 0, 3, 2)
      c0 = i64x2.add(c0, d0)
      c1 = i64x2.add(c1, d1)
      b0 = rotate(v128.xor(b0, c0), 24)
      b1 = rotate(v128.xor(b1, c1), 24)
      a0 = i64x2.add(i64x2.add(a0, b0), words(row, half + 4))
      a1 = i64x2.add(i64x2.add(a1, b1), words(row, half + 6))
      d0 = rotate(v128.xor(d0, a0), 16)
      d1 = rotate(v128.xor(d1, a1), 16)
      c0 = i64x2.add(c0, d0)
      c1 = i64x2.add(c1, d1)
      b0 = rotate(v128.xor(b0, c0), 63)
      b1 = rotate(v128.xor(b1, c1), 63)
      // Columns to diagonals, and, after those, back. The rows b and d move in opposite directions.
      const c = c0
      c0 = c1
      c1 = c
      const inner = v128.shuffle<u64>(b0, b1, 1, 2)
      const outer = v128.shuffle<u64>(b1, b0, 1, 2)
      const innerD = v128.shuffle<u64>(d0, d1, 1, 2)
      const outerD = v128.shuffle<u64>(d1, d0, 1, 2)
      if (half === 0) {
        b0 = inner
        b1 = outer
        d0 = outerD
        d1 = innerD
      } else {
        b0 = outer
        b1 = inner
        d0 = innerD
        d1 = outerD
      }
    }
  }
  v128.store(stateAt, v128.xor(v128.load(stateAt), v128.xor(a0, c0)))
  v128.store(stateAt, v128.xor(v128.load(stateAt, 16), v128.xor(a1, c1)), 16)
  v128.store(stateAt, v128.xor(v128.load(stateAt, 32), v128.xor(b0, d0)), 32)
  v128.store(stateAt, v128.xor(v128.load(stateAt, 48), v128.xor(b1, d1)), 48)
}

/** Sets the state to the first three words of the parameter block; the others are 0. */
@inline
function begin(shape: u64, offset: u64, inner: u64): void {
  memory.copy(stateAt, iv, 64)
  store<u64>(stateAt, load<u64>(stateAt) ^ shape)
  store<u64>(stateAt, load<u64>(stateAt, 8) ^ offset ^ (<u64>4096 << 32), 8)
  store<u64>(stateAt, load<u64>(stateAt, 16) ^ inner, 16)
}

function refill(): void {
  // Digest and key of 64 bytes, fanout and depth 1.
  begin(0x01014040, 0, 0)
  memory.copy(inputAt, seedAt, 64)
  memory.fill(inputAt + 64, 0, 64)
  compress(128, 0)
  memory.fill(inputAt, 0, 64)
  store<u64>(inputAt, counter++)
  compress(136, ~(<u64>0))
  memory.copy(inputAt, stateAt, 64)
  for (let block: usize = 0; block < 64; block++) {
    // Digest and leaves of 64 bytes, inner length 64.
    begin((<u64>64 << 32) | 64, block, 64 << 8)
    compress(64, ~(<u64>0))
    memory.copy(bufferAt + (block << 6), stateAt, 64)
  }
  used = 0
}

/** Writes the BLAKE2b-256 of at most 128 bytes. */
export function digest(target: usize, at: usize, bytes: usize): void {
  memory.copy(stateAt, iv, 64)
  store<u64>(stateAt, load<u64>(stateAt) ^ 0x01010020) // a digest of 32 bytes, fanout and depth 1
  memory.fill(inputAt, 0, 128)
  memory.copy(inputAt, at, bytes)
  compress(bytes, ~(<u64>0))
  memory.copy(target, stateAt, 32)
}

/** Begins the stream of a seed, which is the 64 bytes at `at`. */
export function seed(at: usize): void {
  memory.copy(seedAt, at, 64)
  counter = 0
  used = 4096
}

/** Copies the next bytes of the stream; a multiple of 8. */
export function random(target: usize, bytes: usize): void {
  for (const end = target + bytes; target < end; target += 8) store<u64>(target, next())
}

@inline
function next(): u64 {
  if (used === 4096) refill()
  const word = load<u64>(bufferAt + used)
  used += 8
  return word
}

/**
 * Writes n words below q as SEAL 3.5.0 and 3.5.1 do: 63 bits each, of which those above the largest multiple are drawn again.
 *
 * @param target  0: they are only skipped
 */
export function uniform63(target: usize, n: u32, q: u64): void {
  const limit = <u64>0x7fffffffffffffff - (<u64>0x7fffffffffffffff % q) - 1
  for (let i: u32 = 0; i < n; i++) {
    let word: u64
    do {
      const pair = next() // two draws of 32 bits, the first one in the lower half
      word = ((pair & 0xffffffff) << 31) | (pair >> 33)
    } while (word >= limit)
    if (target !== 0) store<u64>(target + (<usize>i << 3), word % q)
  }
}

/** Writes n words below q as SEAL 4 does: 64 bits each; those above the largest multiple are drawn again after the n-th. */
export function uniform64(target: usize, n: u32, q: u64): void {
  const limit = ~(<u64>0) - (~(<u64>0) % q) - 1
  const end = target + (<usize>n << 3)
  for (let at = target; at < end; at += 8) store<u64>(at, next())
  for (let at = target; at < end; at += 8) {
    let word = load<u64>(at)
    while (word >= limit) word = next()
    store<u64>(at, word % q)
  }
}

/** Writes n words that are -1, 0 or 1, as SEAL does for secret keys: 32 bits each, of which those above the largest multiple of 3 are drawn again. */
export function ternary(target: usize, n: u32): void {
  let pair: u64 = 0
  let isHalf = false
  for (const end = target + (<usize>n << 3); target < end; ) {
    pair = isHalf ? pair >> 32 : next()
    isHalf = !isHalf
    const word = <u32>pair
    if (word === 0xffffffff) continue
    store<i64>(target, <i64>(word / 0x55555555) - 1)
    target += 8
  }
}
