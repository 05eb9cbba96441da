/** The output format: one line per row of the input, in order. */
import type { RowResult } from '../row-scorer.ts'
import type { OutputFormat } from '../spec.ts'

export const csvHeader = 'index,prediction,error_code,error_message\n'

/**
 * @param firstRow  index of the first of these rows in the whole input
 * @returns lines with their line ends; CSV without the header
 */
export function encodeLines(format: OutputFormat, firstRow: number, results: readonly RowResult[]): string {
  const encode = format === 'csv' ? csvLine : jsonLine
  return results.map((result, row) => encode(firstRow + row, result)).join('')
}

// The text of the prediction is copied, because parsing it could change its numbers.
function jsonLine(index: number, result: RowResult): string {
  if ('prediction' in result) return `{"index": ${index}, "prediction": ${oneLine(result.prediction)}}\n`
  const { code, message } = result
  return `{"index": ${index}, "error": {"code": ${JSON.stringify(code)}, "message": ${JSON.stringify(message)}}}\n`
}

function csvLine(index: number, result: RowResult): string {
  const cells = 'prediction' in result ? [plainText(result.prediction), '', ''] : ['', result.code, result.message]
  return `${[String(index), ...cells.map(quoted)].join(',')}\n`
}

/** The characters of a JSON string; any other value as JSON. */
function plainText(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : oneLine(json)
}

// In JSON text a line end stands between values only; inside a string it is escaped.
function oneLine(json: string): string {
  return json.replace(/[\r\n]+/g, ' ')
}

/** Quotes as RFC 4180 says, and also where spaces are at an end, because many readers trim them. */
function quoted(cell: string): string {
  return /[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
