/** Operations on n words below q, element by element. Targets may be the operands themselves unless it says otherwise. */
import { below, fold, product, upper } from './modular'

/** Half of the bits of a prime: the usual ones are constants in loops of their own. */
@inline
function halfBits(q: u64): u64 {
  return (65 - clz(q)) >> 1
}

/** target = a * b */
export function multiply(target: usize, a: usize, b: usize, n: u32, q: u64): void {
  const end = <usize>n << 3
  const half = halfBits(q)
  if (half === 30) for (let i: usize = 0; i < end; i += 8) store<u64>(target + i, productAt(a + i, b + i, 0, 30, q))
  else for (let i: usize = 0; i < end; i += 8) store<u64>(target + i, productAt(a + i, b + i, 0, half, q))
}

/** target += a * b */
export function multiplyAdd(target: usize, a: usize, b: usize, n: u32, q: u64): void {
  const end = <usize>n << 3
  const half = halfBits(q)
  if (half === 30)
    for (let i: usize = 0; i < end; i += 8)
      store<u64>(target + i, productAt(a + i, b + i, load<u64>(target + i), 30, q))
  else
    for (let i: usize = 0; i < end; i += 8)
      store<u64>(target + i, productAt(a + i, b + i, load<u64>(target + i), half, q))
}

@inline
function productAt(a: usize, b: usize, addend: u64, half: u64, q: u64): u64 {
  const mask = ((<u64>1) << half) - 1
  const x = load<u64>(a)
  const y = load<u64>(b)
  const xLow = x & mask
  const xHigh = x >> half
  const yLow = y & mask
  const yHigh = y >> half
  return fold(xLow * yLow + addend, xHigh * yLow + xLow * yHigh, xHigh * yHigh, half, q)
}

/** target = a * factor, for any words a */
export function scale(target: usize, a: usize, n: u32, factor: u64, quotient: u64, q: u64): void {
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8)
    store<u64>(target + i, product(load<u64>(a + i), factor, quotient, q))
}

/** target += a */
export function add(target: usize, a: usize, n: u32, q: u64): void {
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8)
    store<u64>(target + i, below(load<u64>(target + i) + load<u64>(a + i), q))
}

/**
 * target = a[indices], plus a itself if `keep` is all ones and not 0; target is not a.
 *
 * @param indices  16 bits each
 */
export function rotate(target: usize, a: usize, keep: u64, indices: usize, n: u32, q: u64): void {
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8)
    store<u64>(target + i, below((load<u64>(a + i) & keep) + load<u64>(a + permuted(indices, i)), q))
}

/** target = rotate(a) + digits[indices] * key; target is not a. */
export function rotateAdd(
  target: usize,
  a: usize,
  keep: u64,
  digits: usize,
  key: usize,
  indices: usize,
  n: u32,
  q: u64,
): void {
  const end = <usize>n << 3
  const half = halfBits(q)
  if (half === 30)
    for (let i: usize = 0; i < end; i += 8) {
      const from = permuted(indices, i)
      const addend = (load<u64>(a + i) & keep) + load<u64>(a + from)
      store<u64>(target + i, productAt(digits + from, key + i, addend, 30, q))
    }
  else
    for (let i: usize = 0; i < end; i += 8) {
      const from = permuted(indices, i)
      const addend = (load<u64>(a + i) & keep) + load<u64>(a + from)
      store<u64>(target + i, productAt(digits + from, key + i, addend, half, q))
    }
}

/** target = digits[indices] * key; target is not digits. */
export function multiplyRotated(target: usize, digits: usize, key: usize, indices: usize, n: u32, q: u64): void {
  const end = <usize>n << 3
  const half = halfBits(q)
  if (half === 30)
    for (let i: usize = 0; i < end; i += 8)
      store<u64>(target + i, productAt(digits + permuted(indices, i), key + i, 0, 30, q))
  else
    for (let i: usize = 0; i < end; i += 8)
      store<u64>(target + i, productAt(digits + permuted(indices, i), key + i, 0, half, q))
}

@inline
function permuted(indices: usize, at: usize): usize {
  return <usize>load<u16>(indices + (at >> 2)) << 3
}

/**
 * Writes words below one prime as words below another. The upper half of the first prime stands for negative numbers.
 *
 * @param reciprocal  floor(2^64 / to)
 */
export function convert(target: usize, a: usize, n: u32, from: u64, to: u64, reciprocal: u64): void {
  const half = from >> 1
  if (half < to) {
    // Neither half needs a division.
    for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8) {
      const value = load<u64>(a + i)
      store<u64>(target + i, select<u64>(value + to - from, value, value > half))
    }
    return
  }
  // A multiple of `to` that keeps negative numbers positive.
  const shift = (from / to + 1) * to - from
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8) {
    const value = load<u64>(a + i)
    const word = value + select<u64>(shift, 0, value > half)
    store<u64>(target + i, below(word - upper(word, reciprocal) * to, to))
  }
}

/** target = (target - a) * factor */
export function subtractScale(target: usize, a: usize, n: u32, factor: u64, quotient: u64, q: u64): void {
  for (let i: usize = 0, end = <usize>n << 3; i < end; i += 8)
    store<u64>(target + i, product(load<u64>(target + i) - load<u64>(a + i) + q, factor, quotient, q))
}

/**
 * Writes a coefficient of the product of a polynomial with small signed coefficients, modulo X^n + 1: two sums whose value is the
 * first plus the second times 2^27.
 *
 * @param a      n words below 2^54
 * @param small  `count` signed words, whose absolute values add up to less than 2^36
 */
export function dot(target: usize, a: usize, small: usize, count: u32, n: u32, position: u32): void {
  let low: i64 = 0
  let high: i64 = 0
  const top = a + (<usize>position << 3)
  const wrap = <usize>(min(position + 1, count)) << 3
  for (let offset: usize = 0; offset < wrap; offset += 8) {
    const word = load<u64>(top - offset)
    const factor = load<i64>(small + offset)
    low += factor * <i64>(word & 0x7ffffff)
    high += factor * <i64>(word >> 27)
  }
  const second = top + (<usize>n << 3) // X^n = -1
  for (let offset = wrap, end = <usize>count << 3; offset < end; offset += 8) {
    const word = load<u64>(second - offset)
    const factor = load<i64>(small + offset)
    low -= factor * <i64>(word & 0x7ffffff)
    high -= factor * <i64>(word >> 27)
  }
  store<i64>(target, low)
  store<i64>(target, high, 8)
}

/** Writes n words without their lowest bits, rounded to the nearest, in so many bytes each; up to 8 bytes behind them are overwritten. */
export function pack(target: usize, a: usize, n: u32, droppedBits: u64, wordBytes: usize): void {
  const half = (<u64>1 << droppedBits) >> 1
  for (let at = a, end = a + (<usize>n << 3); at < end; at += 8) {
    store<u64>(target, (load<u64>(at) + half) >> droppedBits)
    target += wordBytes
  }
}

/** Reads what `pack` wrote, with zeros for the bits that were dropped. */
export function unpack(target: usize, packed: usize, n: u32, droppedBits: u64, wordBytes: usize): void {
  const mask = ~(<u64>0) >> (64 - (<u64>wordBytes << 3))
  for (const end = target + (<usize>n << 3); target < end; target += 8) {
    store<u64>(target, (load<u64>(packed) & mask) << droppedBits)
    packed += wordBytes
  }
}
