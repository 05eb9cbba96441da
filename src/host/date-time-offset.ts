/** As .NET writes a moment, e.g. `2026-01-01T10:00:00+00:00`. */
export function dateTimeOffset(moment: Date): string {
  return moment.toISOString().replace(/(?:\.000)?Z$/, '+00:00')
}
