/** The output format: one line per row of the input, in order. */
import { splitRecord } from '../formats/csv-record.ts'
import type { RowResult } from '../row-scorer.ts'
import type { OutputFormat } from '../spec.ts'
import type { OutputTable } from './output-table.ts'

const csvColumns = ['index', 'prediction', 'error_code', 'error_message']

/** What a CSV begins with; '' for JSON Lines. */
export function outputHeader({ format, include }: OutputTable): string {
  if (format !== 'csv') return ''
  const [index, ...others] = csvColumns as [string, ...string[]]
  return `${[index, ...include, ...others].map(quoted).join(',')}\n`
}

/** @returns a name that a column of the input cannot have beside those of the output */
export function takenName({ format, include }: OutputTable): string | undefined {
  return include.find(name => ownNames(format).includes(name))
}

/** The columns of an output that are not copied. In JSON Lines those that are have an object of their own. */
export function ownNames(format: OutputFormat): readonly string[] {
  return format === 'csv' ? csvColumns : []
}

/** The lines of rows that follow each other. */
export interface ResultLines {
  readonly lines: readonly Uint8Array[]
  readonly rowCount: number
  /** Rows without a prediction. */
  readonly failed: number
}

/** @param firstRow  index of the first of these rows in the whole input */
export function resultLines(results: readonly RowResult[], firstRow: number, format: OutputFormat): ResultLines {
  const failed = results.filter(result => 'code' in result).length
  return { lines: [Buffer.from(encodeLines(format, firstRow, results))], rowCount: results.length, failed }
}

/**
 * @param firstRow  index of the first of these rows in the whole input
 * @returns lines with their line ends; CSV without the header
 */
export function encodeLines(format: OutputFormat, firstRow: number, results: readonly RowResult[]): string {
  const encode = format === 'csv' ? csvLine : jsonLine
  return results.map((result, row) => encode(firstRow + row, result)).join('')
}

/**
 * What stands in a line before the index of a row, between it and a prediction of numbers, and behind that.
 *
 * @param hasCommas  the prediction is a list of several
 */
export function aroundPrediction(
  format: OutputFormat,
  hasCommas: boolean,
): { readonly begin: string; readonly middle: string; readonly end: string } {
  if (format === 'jsonl') return { begin: '{"index": ', middle: ', "prediction": ', end: '}\n' }
  const quote = hasCommas ? '"' : ''
  return { begin: '', middle: `,${quote}`, end: `${quote},,\n` }
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
export function plainText(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : oneLine(json)
}

// In JSON text a line end stands between values only; inside a string it is escaped.
export function oneLine(json: string): string {
  return json.replace(/[\r\n]+/g, ' ')
}

/** Quotes as RFC 4180 says, and also where spaces are at an end, because many readers trim them. */
export function quoted(cell: string): string {
  return /[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

const jsonPrediction = /^\{"index": \d+, "prediction": (.*)\}$/

/** The inverse of `encodeLines`: results of which it would write the same lines again. */
export function decodeLines(format: OutputFormat, lines: string): RowResult[] {
  if (format === 'csv') return csvRecords(lines).map(csvResult)
  return lines.split('\n', countLines(lines)).map(line => {
    const prediction = jsonPrediction.exec(line)?.[1]
    return prediction === undefined ? (JSON.parse(line) as { error: RowResult }).error : { prediction }
  })
}

function countLines(lines: string): number {
  return lines.split('\n').length - 1
}

function csvResult(record: string): RowResult {
  const [, prediction = '', code = '', message = ''] = splitRecord(record) ?? []
  // A cell does not tell a text from the JSON of another value, and both are written as they stand.
  return code === '' ? { prediction: JSON.stringify(prediction) } : { code, message }
}

/** Records without their line ends, which may also be in a quoted cell. */
function csvRecords(lines: string): string[] {
  return lines.match(/(?:[^"\n]|"(?:[^"]|"")*")+/g) ?? []
}
