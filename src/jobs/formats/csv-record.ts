/**
 * The cells of one record of a CSV (RFC 4180), which has no line end of its own.
 *
 * @returns undefined: text follows a closing quote, or a quote is not closed
 */
export function splitRecord(record: string): string[] | undefined {
  if (!record.includes('"')) return record.split(',')
  const cells: string[] = []
  let at = 0
  for (;;) {
    if (record[at] === '"') {
      const end = closingQuote(record, at + 1)
      if (end < 0) return undefined
      cells.push(record.slice(at + 1, end).replaceAll('""', '"'))
      at = end + 1
      if (at < record.length && record[at] !== ',') return undefined
    } else {
      const comma = record.indexOf(',', at)
      const end = comma < 0 ? record.length : comma
      cells.push(record.slice(at, end))
      at = end
    }
    if (at >= record.length) return cells
    at++
  }
}

function closingQuote(record: string, from: number): number {
  let at = record.indexOf('"', from)
  while (at >= 0 && record[at + 1] === '"') at = record.indexOf('"', at + 2)
  return at
}
