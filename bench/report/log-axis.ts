/** A logarithmic axis: where values lie on it, and which of them are written beside it. */
export interface LogAxis {
  /** @returns pixels from the beginning of the axis */
  place(value: number): number
  /** Ascending; those with a text are written out. */
  readonly ticks: readonly { readonly value: number; readonly text: string }[]
}

/** @param values  all that has to find room, above 0 */
export function logAxis(values: readonly number[], pixels: number): LogAxis {
  // A little air, so that no point lies on the frame.
  const lowest = Math.log10(Math.min(...values)) - 0.12
  const highest = Math.log10(Math.max(...values)) + 0.12
  const place = (value: number) => ((Math.log10(value) - lowest) / (highest - lowest)) * pixels
  const written = highest - lowest > 2.2 ? [1] : highest - lowest > 1.2 ? [1, 3] : [1, 2, 5]
  const ticks: { value: number; text: string }[] = []
  for (let exponent = Math.floor(lowest); exponent <= highest; exponent++) {
    for (let digit = 1; digit <= 9; digit++) {
      const value = Number(`${digit}e${exponent}`)
      if (Math.log10(value) < lowest || Math.log10(value) > highest) continue
      ticks.push({ value, text: written.includes(digit) ? thousands(value) : '' })
    }
  }
  return { place, ticks }
}

function thousands(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, value < 1 ? '' : '\u2009')
}
