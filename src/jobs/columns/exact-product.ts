/** 2^27 + 1, which divides a double into two halves whose products are exact (Dekker, 1971). */
const splitter = 134_217_729

/** @returns what rounding took from the product of two doubles, exactly */
export function productError(one: number, other: number, product: number): number {
  const oneSplit = splitter * one
  const oneHigh = oneSplit - (oneSplit - one)
  const oneLow = one - oneHigh
  const otherSplit = splitter * other
  const otherHigh = otherSplit - (otherSplit - other)
  const otherLow = other - otherHigh
  return oneHigh * otherHigh - product + oneHigh * otherLow + oneLow * otherHigh + oneLow * otherLow
}
