/** The lines of an output: one for each row of the input, in order. */
import { splitRecord } from '../formats/csv-record.ts'
import { fixedColumns, type LineForm, type PredictionPart, wholePrediction } from '../line-form.ts'
import type { RowResult } from '../row-scorer.ts'
import type { OutputTable } from './output-table.ts'
import { joinCells, keepMembers, oneLine, predictionCells } from './prediction-cells.ts'

/** What a CSV begins with; '' for JSON Lines. */
export function outputHeader({ form, include }: Pick<OutputTable, 'form' | 'include'>): string {
  if (form.format !== 'csv') return ''
  const [index, ...errors] = fixedColumns
  return `${[index, ...include, ...fileColumn(form), ...predictionColumns(form.parts), ...errors].map(quoted).join(',')}\n`
}

function predictionColumns(parts: readonly PredictionPart[] = [wholePrediction]): string[] {
  return parts.flatMap(({ columns }) => columns)
}

function fileColumn({ file }: Pick<LineForm, 'file'>): string[] {
  return file === undefined ? [] : ['file']
}

/** The columns of a table that are not copied. In JSON Lines those that are have an object of their own. */
export function ownNames(form: Pick<LineForm, 'parts' | 'file'>): readonly string[] {
  return [...fixedColumns, ...fileColumn(form), ...predictionColumns(form.parts)]
}

/** The lines of rows that follow each other. */
export interface ResultLines {
  readonly lines: readonly Uint8Array[]
  readonly rowCount: number
  /** Rows without a prediction. */
  readonly failed: number
}

const unfitPrediction: RowResult = {
  code: 'OUTPUT_NOT_SERIALISABLE',
  message:
    'The answer does not have the form that the service declares, so it has no columns; set "format" to "jsonl".',
}

/** @param firstRow  index of the first of these rows in the whole input */
export function resultLines(results: readonly RowResult[], firstRow: number, form: LineForm): ResultLines {
  const fitting = results.map(result => (fits(result, form) ? result : unfitPrediction))
  const failed = fitting.filter(result => 'code' in result).length
  return { lines: [Buffer.from(encodeLines(form, firstRow, fitting))], rowCount: results.length, failed }
}

/** Whether the prediction, if there is one, can be written. */
export function fits(result: RowResult, { format, parts }: LineForm): boolean {
  return format !== 'csv' || !parts || 'code' in result || predictionCells(result.prediction, parts) !== undefined
}

/**
 * @param firstRow  index of the first of these rows in the whole input
 * @param results  that fit
 * @returns lines with their line ends; CSV without the header
 */
export function encodeLines(form: LineForm, firstRow: number, results: readonly RowResult[]): string {
  const encode = form.format === 'csv' ? csvLine : jsonLine
  return results.map((result, row) => encode(firstRow + row, result, form)).join('')
}

/** What stands in a line before the index of a row, between it and a prediction, and behind that. */
export function aroundPrediction(form: LineForm): {
  readonly begin: string
  readonly middle: string
  readonly end: string
} {
  if (form.format === 'jsonl') return { begin: '{"index": ', middle: `${fileMember(form)}, "prediction": `, end: '}\n' }
  return { begin: '', middle: `${fileCell(form).map(cell => `,${quoted(cell)}`)},`, end: ',,\n' }
}

function fileMember({ file }: LineForm): string {
  return file === undefined ? '' : `, "file": ${JSON.stringify(file)}`
}

function fileCell({ file }: LineForm): string[] {
  return file === undefined ? [] : [file]
}

// The text of the prediction is copied, because parsing it could change its numbers.
function jsonLine(index: number, result: RowResult, form: LineForm): string {
  const { members } = form
  const begin = `{"index": ${index}${fileMember(form)}`
  if ('prediction' in result) {
    const prediction = members ? keepMembers(result.prediction, members) : result.prediction
    return `${begin}, "prediction": ${oneLine(prediction)}}\n`
  }
  const { code, message } = result
  return `${begin}, "error": {"code": ${JSON.stringify(code)}, "message": ${JSON.stringify(message)}}}\n`
}

function csvLine(index: number, result: RowResult, form: LineForm): string {
  const { parts = [wholePrediction] } = form
  const cells =
    'prediction' in result
      ? [...(predictionCells(result.prediction, parts) ?? []), '', '']
      : [...predictionColumns(parts).map(() => ''), result.code, result.message]
  return `${[String(index), ...[...fileCell(form), ...cells].map(quoted)].join(',')}\n`
}

/** Quotes as RFC 4180 says, and also where spaces are at an end, because many readers trim them. */
export function quoted(cell: string): string {
  return /[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

const jsonPrediction = /^\{"index": \d+, (?:"file": "(?:[^"\\]|\\.)*", )?"prediction": (.*)\}$/s

/** The inverse of `encodeLines`: results of which it would write the same lines again. */
export function decodeLines(form: LineForm, lines: string): RowResult[] {
  if (form.format === 'csv') return csvRecords(lines).map(record => csvResult(record, form))
  return lines.split('\n', countLines(lines)).map(line => {
    const prediction = jsonPrediction.exec(line)?.[1]
    return prediction === undefined ? (JSON.parse(line) as { error: RowResult }).error : { prediction }
  })
}

function countLines(lines: string): number {
  return lines.split('\n').length - 1
}

function csvResult(record: string, { parts = [wholePrediction], file }: LineForm): RowResult {
  const [, ...cells] = splitRecord(record) ?? []
  if (file !== undefined) cells.shift()
  const [code = '', message = ''] = cells.splice(-2)
  // A cell does not tell a text from the JSON of another value, and both are written as they stand.
  return code === '' ? { prediction: joinCells(cells, parts) } : { code, message }
}

/** Records without their line ends, which may also be in a quoted cell. */
function csvRecords(lines: string): string[] {
  return lines.match(/(?:[^"\n]|"(?:[^"]|"")*")+/g) ?? []
}
