import { degree, slotCount } from './parameters.ts'

/**
 * The real polynomial whose value at zeta^(3^j) is slot j, for all slots: the inverse of what CKKS calls decoding. Its coefficients
 * are not rounded, and they are at most as large as the largest slot.
 *
 * @param real, imaginary  of the slots, 4,096 each
 * @returns 8,192 coefficients
 */
export function encodeSlots(real: Float64Array, imaginary: Float64Array): Float64Array {
  // The values at all odd powers of zeta, zeta^(2t + 1) at t: slots and their conjugates.
  const re = new Float64Array(degree)
  const im = new Float64Array(degree)
  for (let slot = 0, exponent = 1; slot < slotCount; slot++, exponent = (exponent * 3) % (2 * degree)) {
    const at = (exponent - 1) / 2
    re[at] = real[slot] as number
    im[at] = imaginary[slot] as number
    re[degree - 1 - at] = real[slot] as number
    im[degree - 1 - at] = -(imaginary[slot] as number)
  }
  transform(re, im)
  for (let index = 0; index < degree; index++) {
    // The real part of the sum times zeta^-index, over n.
    re[index] =
      ((re[index] as number) * (cosines[index] as number) + (im[index] as number) * (sines[index] as number)) / degree
  }
  return re
}

// Of the multiples of pi / n: zeta^index.
const cosines = Float64Array.from({ length: 2 * degree }, (_, index) => Math.cos((Math.PI * index) / degree))
const sines = Float64Array.from({ length: 2 * degree }, (_, index) => Math.sin((Math.PI * index) / degree))

/** The discrete Fourier transform, sum over t of x[t] * exp(-2 pi i t k / n), in place. */
function transform(re: Float64Array, im: Float64Array): void {
  for (let from = 1, to = 0; from < degree; from++) {
    let bit = degree >> 1
    for (; to & bit; bit >>= 1) to ^= bit
    to ^= bit
    if (from >= to) continue
    const [a, b] = [re[from] as number, im[from] as number]
    re[from] = re[to] as number
    im[from] = im[to] as number
    re[to] = a
    im[to] = b
  }
  for (let half = 1; half < degree; half *= 2) {
    const stride = degree / half // of exp(-pi i / half) among the multiples of pi / n
    for (let start = 0; start < degree; start += 2 * half)
      for (let offset = 0; offset < half; offset++) {
        const cosine = cosines[offset * stride] as number
        const sine = sines[offset * stride] as number
        const first = start + offset
        const second = first + half
        const x = (re[second] as number) * cosine + (im[second] as number) * sine
        const y = (im[second] as number) * cosine - (re[second] as number) * sine
        re[second] = (re[first] as number) - x
        im[second] = (im[first] as number) - y
        re[first] = (re[first] as number) + x
        im[first] = (im[first] as number) + y
      }
  }
}
