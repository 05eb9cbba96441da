/**
 * The negacyclic number-theoretic transform as in SEAL: n points, in bit-reversed order, of which point i is the value at
 * root^(2 * reversed(i) + 1). Two layers are done at a time. Values grow up to 16 q in between (Harvey: "Faster arithmetic for
 * number-theoretic transforms"), which is why q must be below 2^60.
 */
import { below, LOW, lazyProduct, montgomery } from './modular'

/**
 * Writes the powers root^reversed(i), each followed by floor(power * 2^64 / q).
 *
 * @param table    16 bytes a power
 * @param root     of order 2n, times 2^64 modulo q
 * @param one      2^64 modulo q
 * @param inverse  of q modulo 2^64
 */
export function tabulate(table: usize, n: u32, root: u64, one: u64, q: u64, inverse: u64): void {
  const shift = 1 + clz(n)
  let power = one
  for (let i: u32 = 0; i < n; i++) {
    const at = table + (<usize>(reversed(i) >> shift) << 4)
    store<u64>(at, montgomery(1, power, q, inverse))
    // power = value * 2^64 - quotient * q, so that the quotient is known from the lower halves.
    store<u64>(at, 0 - power * inverse, 8)
    power = montgomery(power, root, q, inverse)
  }
}

@inline
function reversed(value: u32): u32 {
  value = ((value >> 1) & 0x55555555) | ((value & 0x55555555) << 1)
  value = ((value >> 2) & 0x33333333) | ((value & 0x33333333) << 2)
  value = ((value >> 4) & 0x0f0f0f0f) | ((value & 0x0f0f0f0f) << 4)
  value = ((value >> 8) & 0x00ff00ff) | ((value & 0x00ff00ff) << 8)
  return (value >> 16) | (value << 16)
}

/** Coefficients (below 8 q) to points (below q), in place. n is an odd power of two. */
export function forward(a: usize, table: usize, n: u32, q: u64): void {
  const q4 = q << 2
  const q8 = q << 3
  let distance = <usize>n << 2 // bytes between the elements of a pair
  const w = load<u64>(table, 16)
  const wLow = load<u64>(table, 24) & LOW
  const wHigh = load<u64>(table, 24) >> 32
  for (let at = a, end = a + distance; at < end; at += 8) {
    const x = load<u64>(at)
    const y = lazyProduct(load<u64>(at + distance), w, wLow, wHigh, q)
    store<u64>(at, x + y)
    store<u64>(at + distance, x - y + q4)
  }
  for (let groups: u32 = 2; groups < n >> 2; groups <<= 2) {
    distance >>= 2 // between the four elements of two layers
    let first = table + (<usize>groups << 4)
    let second = table + (<usize>groups << 5)
    for (let start = a, stop = a + (<usize>n << 3); start < stop; start += distance << 2) {
      const w0 = load<u64>(first)
      const w0Low = load<u64>(first, 8) & LOW
      const w0High = load<u64>(first, 8) >> 32
      const w1 = load<u64>(second)
      const w1Low = load<u64>(second, 8) & LOW
      const w1High = load<u64>(second, 8) >> 32
      const w2 = load<u64>(second, 16)
      const w2Low = load<u64>(second, 24) & LOW
      const w2High = load<u64>(second, 24) >> 32
      for (let at = start, end = start + distance; at < end; at += 8) {
        const at1 = at + distance
        const at2 = at1 + distance
        const at3 = at2 + distance
        const x0 = below(load<u64>(at), q8)
        const x1 = below(load<u64>(at1), q8)
        const y2 = lazyProduct(load<u64>(at2), w0, w0Low, w0High, q)
        const y3 = lazyProduct(load<u64>(at3), w0, w0Low, w0High, q)
        const s0 = x0 + y2
        const s2 = x0 - y2 + q4
        const s1 = lazyProduct(x1 + y3, w1, w1Low, w1High, q)
        const s3 = lazyProduct(x1 - y3 + q4, w2, w2Low, w2High, q)
        store<u64>(at, s0 + s1)
        store<u64>(at1, s0 - s1 + q4)
        store<u64>(at2, s2 + s3)
        store<u64>(at3, s2 - s3 + q4)
      }
      first += 16
      second += 32
    }
  }
  // The last two layers have neighbours, and factors of their own for each four.
  let first = table + (<usize>n << 2)
  let second = table + (<usize>n << 3)
  const bits = 64 - clz(q)
  const mask = ~(<u64>0) >> (64 - bits)
  const c = mask + 1 - q
  for (let at = a, stop = a + (<usize>n << 3); at < stop; at += 32) {
    const w0 = load<u64>(first)
    const w0Quotient = load<u64>(first, 8)
    const x0 = below(load<u64>(at), q8)
    const x1 = below(load<u64>(at, 8), q8)
    const y2 = lazyProduct(load<u64>(at, 16), w0, w0Quotient & LOW, w0Quotient >> 32, q)
    const y3 = lazyProduct(load<u64>(at, 24), w0, w0Quotient & LOW, w0Quotient >> 32, q)
    const w1Quotient = load<u64>(second, 8)
    const s0 = x0 + y2
    const s1 = lazyProduct(x1 + y3, load<u64>(second), w1Quotient & LOW, w1Quotient >> 32, q)
    store<u64>(at, reduced(s0 + s1, bits, mask, c, q))
    store<u64>(at, reduced(s0 - s1 + q4, bits, mask, c, q), 8)
    const w2Quotient = load<u64>(second, 24)
    const s2 = x0 - y2 + q4
    const s3 = lazyProduct(x1 - y3 + q4, load<u64>(second, 16), w2Quotient & LOW, w2Quotient >> 32, q)
    store<u64>(at, reduced(s2 + s3, bits, mask, c, q), 16)
    store<u64>(at, reduced(s2 - s3 + q4, bits, mask, c, q), 24)
    first += 16
    second += 32
  }
}

/** A word below 16 q modulo q = 2^bits - c. */
@inline
function reduced(word: u64, bits: u64, mask: u64, c: u64, q: u64): u64 {
  return below((word & mask) + (word >> bits) * c, q)
}

/**
 * Points to coefficients, both below q, in place, each times a factor. n is an odd power of two.
 *
 * @param table   of the inverse root
 * @param factor  1/n for a plain inverse; the last layer multiplies with it
 * @param last    the factor times the root of the last layer, table[1]
 */
export function inverse(
  a: usize,
  table: usize,
  n: u32,
  q: u64,
  factor: u64,
  factorQuotient: u64,
  last: u64,
  lastQuotient: u64,
): void {
  const q4 = q << 2
  const q8 = q << 3
  const stop = a + (<usize>n << 3)
  // The first two layers have neighbours, and factors of their own for each four.
  let first = table + (<usize>n << 2)
  let second = table + (<usize>n << 3)
  for (let at = a; at < stop; at += 32) {
    const x0 = load<u64>(at)
    const x1 = load<u64>(at, 8)
    const x2 = load<u64>(at, 16)
    const x3 = load<u64>(at, 24)
    const s0 = x0 + x1
    const s1 = x2 + x3
    const w1Quotient = load<u64>(second, 8)
    const w2Quotient = load<u64>(second, 24)
    const d0 = lazyProduct(x0 - x1 + q, load<u64>(second), w1Quotient & LOW, w1Quotient >> 32, q)
    const d1 = lazyProduct(x2 - x3 + q, load<u64>(second, 16), w2Quotient & LOW, w2Quotient >> 32, q)
    const w0 = load<u64>(first)
    const w0Low = load<u64>(first, 8) & LOW
    const w0High = load<u64>(first, 8) >> 32
    store<u64>(at, s0 + s1)
    store<u64>(at, below(d0 + d1, q4), 8)
    store<u64>(at, lazyProduct(s0 - s1 + q4, w0, w0Low, w0High, q), 16)
    store<u64>(at, lazyProduct(d0 - d1 + q4, w0, w0Low, w0High, q), 24)
    first += 16
    second += 32
  }
  let distance: usize = 32
  for (let groups = n >> 4; groups > 1; groups >>= 2) {
    first = table + (<usize>groups << 4)
    second = table + (<usize>groups << 5)
    for (let start = a; start < stop; start += distance << 2) {
      const w0 = load<u64>(first)
      const w0Low = load<u64>(first, 8) & LOW
      const w0High = load<u64>(first, 8) >> 32
      const w1 = load<u64>(second)
      const w1Low = load<u64>(second, 8) & LOW
      const w1High = load<u64>(second, 8) >> 32
      const w2 = load<u64>(second, 16)
      const w2Low = load<u64>(second, 24) & LOW
      const w2High = load<u64>(second, 24) >> 32
      for (let at = start, end = start + distance; at < end; at += 8) {
        const at1 = at + distance
        const at2 = at1 + distance
        const at3 = at2 + distance
        // All below 4 q.
        const x0 = load<u64>(at)
        const x1 = load<u64>(at1)
        const x2 = load<u64>(at2)
        const x3 = load<u64>(at3)
        const s0 = x0 + x1
        const s1 = x2 + x3
        const d0 = lazyProduct(x0 - x1 + q4, w1, w1Low, w1High, q)
        const d1 = lazyProduct(x2 - x3 + q4, w2, w2Low, w2High, q)
        store<u64>(at, below(below(s0 + s1, q8), q4))
        store<u64>(at1, below(d0 + d1, q4))
        store<u64>(at2, lazyProduct(s0 - s1 + q8, w0, w0Low, w0High, q))
        store<u64>(at3, lazyProduct(d0 - d1 + q4, w0, w0Low, w0High, q))
      }
      first += 16
      second += 32
    }
    distance <<= 2
  }
  const factorLow = factorQuotient & LOW
  const factorHigh = factorQuotient >> 32
  const lastLow = lastQuotient & LOW
  const lastHigh = lastQuotient >> 32
  for (let at = a, end = a + distance; at < end; at += 8) {
    const x = load<u64>(at)
    const y = load<u64>(at + distance)
    const sum = lazyProduct(x + y, factor, factorLow, factorHigh, q)
    const difference = lazyProduct(x - y + q4, last, lastLow, lastHigh, q)
    store<u64>(at, below(below(sum, q << 1), q))
    store<u64>(at + distance, below(below(difference, q << 1), q))
  }
}
