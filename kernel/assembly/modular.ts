/** Arithmetic modulo a prime below 2^60 in words of 64 bits. WebAssembly has no product of 128 bits: its upper half comes from four of 64. */

export const LOW: u64 = 0xffffffff

/** The upper 64 bits of a product. */
@inline
export function upper(a: u64, b: u64): u64 {
  const aLow = a & LOW
  const aHigh = a >> 32
  const bLow = b & LOW
  const bHigh = b >> 32
  const middle = aHigh * bLow + ((aLow * bLow) >> 32)
  const other = aLow * bHigh + (middle & LOW)
  return aHigh * bHigh + (middle >> 32) + (other >> 32)
}

/**
 * a * b / 2^64 modulo q, for b below q and any a (Montgomery).
 *
 * @param inverse  of q modulo 2^64
 */
@inline
export function montgomery(a: u64, b: u64, q: u64, inverse: u64): u64 {
  const difference = upper(a, b) - upper(a * b * inverse, q)
  return difference + (q & ((<i64>difference) >> 63))
}

/**
 * a * w modulo q, plus 0 to 3 times q, for any a (Shoup). The quotient comes from three products instead of four and is at most 3 too small.
 *
 * @param wLow, wHigh  the halves of floor(w * 2^64 / q)
 */
@inline
export function lazyProduct(a: u64, w: u64, wLow: u64, wHigh: u64, q: u64): u64 {
  const aHigh = a >> 32
  const quotient = aHigh * wHigh + ((aHigh * wLow) >> 32) + (((a & LOW) * wHigh) >> 32)
  return a * w - quotient * q
}

/** a * w modulo q, for any a, with wQuotient = floor(w * 2^64 / q). */
@inline
export function product(a: u64, w: u64, wQuotient: u64, q: u64): u64 {
  return below(a * w - upper(a, wQuotient) * q, q)
}

/** a, or a - q if that is not negative. */
@inline
export function below(a: u64, q: u64): u64 {
  return select<u64>(a - q, a, a >= q)
}

/**
 * A sum of up to two products of words below q = 2^(2 * half) - c, in three parts: low + middle * 2^half + high * 2^(2 * half).
 * Both 2^(2 * half) and c are the same modulo q, so that what is above is multiplied with c, which is below 2^20, and added.
 */
@inline
export function fold(low: u64, middle: u64, high: u64, half: u64, q: u64): u64 {
  const mask = ((<u64>1) << half) - 1
  const c = ((<u64>1) << (half << 1)) - q
  middle += (high >> half) * c
  const sum = low + (high & mask) * c + (middle >> half) * c + ((middle & mask) << half)
  return below((sum >> (half << 1)) * c + (sum & (((<u64>1) << (half << 1)) - 1)), q)
}
