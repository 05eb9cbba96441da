const pattern = /^(?:(\d{1,8})\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?$/

/**
 * Parses a time span as .NET writes it: `hh:mm:ss`, also with days before it and a fraction after it, e.g. `1.12:00:00.5`.
 *
 * @returns milliseconds; undefined when the text is no time span
 */
export function parseTimeSpan(text: string): number | undefined {
  const found = pattern.exec(text)
  if (!found) return undefined
  const [, days = '0', hours, minutes, seconds = '0', fraction = '0'] = found
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  const whole = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)
  return whole * 1000 + Math.round(Number(`0.${fraction}`) * 1000)
}

/** Writes a time span as .NET does, e.g. `00:10:00` for 600,000 ms. */
export function formatTimeSpan(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const [days, rest] = [Math.floor(seconds / 86_400), seconds % 86_400]
  const parts = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map(part =>
    String(part).padStart(2, '0'),
  )
  const fraction = ms % 1000 === 0 ? '' : `.${String(Math.round(ms % 1000)).padStart(3, '0')}`
  return `${days === 0 ? '' : `${days}.`}${parts.join(':')}${fraction}`
}

/** Writes a time as .NET does, e.g. `2026-01-01T10:00:00+00:00`. */
export function formatDateTimeOffset(moment: Date): string {
  return moment.toISOString().replace(/(?:\.000)?Z$/, '+00:00')
}
