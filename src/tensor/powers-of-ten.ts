/** Powers of ten from 1 on: all that a double holds exactly, as 5^22 < 2^53 < 5^23. */
export const powersOfTen = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))
