/** Lines of the output as they cross from a scoring thread. */
import type { EncodedBytes } from '../../scheduling/inference-result.ts'
import type { NonFinite } from '../../tensor/python-json-elements.ts'
import { aroundPrediction, encodeLines, fits } from '../output/result-lines.ts'
import type { RowResult, TextOfRows } from '../row-scorer.ts'
import { answerWriter } from './answer-writer.ts'
import { LineBytes } from './line-bytes.ts'
import { rowAnswers } from './row-answers.ts'
import type { RowFault } from './row-columns.ts'

/** Rows, and those of them that have no prediction. */
interface LinedRows extends Pick<TextOfRows, 'rowCount' | 'firstRow' | 'form'> {
  readonly faults: ReadonlyMap<number, RowFault>
}

interface LineOptions {
  readonly nonFinite: NonFinite
  /** Members of an answer that are lists of tensors, see `listNames`. */
  readonly lists: readonly string[]
}

/** About so long is a line of a regressor. */
const usualLineBytes = 64

/**
 * Writes the lines of rows, with the number of failed ones before them.
 *
 * @param result  what the run of the rows without a fault gave
 * @returns undefined when it does not follow the rows
 * @throws TypeError when it cannot be written as JSON
 */
export function writeRowLines(rows: LinedRows, result: unknown, options: LineOptions): EncodedBytes | undefined {
  const failed = String(rows.faults.size)
  const bytes = new LineBytes(failed.length + usualLineBytes * rows.rowCount)
  bytes.text(failed)
  if (!writeTensors(bytes, rows, result, options) && !writeAnswers(bytes, rows, result, options)) return undefined
  return { kind: 'bytes', body: bytes.written, textBytes: failed.length }
}

/** @returns the lines as bytes */
export function readRowLines({ body, textBytes }: EncodedBytes): {
  readonly lines: Uint8Array
  readonly failed: number
} {
  const head = Buffer.from(body.buffer, body.byteOffset, textBytes).toString('latin1')
  return { lines: body.subarray(textBytes), failed: Number(head) }
}

/** Writes what a model gave, digit by digit. @returns false, having written nothing, where it takes more than that */
function writeTensors(
  bytes: LineBytes,
  { rowCount, firstRow, form, faults }: LinedRows,
  result: unknown,
  { nonFinite }: LineOptions,
): boolean {
  const writeNext = answerWriter(result, rowCount - faults.size, { form, nonFinite })
  if (!writeNext) return false
  const around = aroundPrediction(form)
  const begin = Buffer.from(around.begin)
  const middle = Buffer.from(around.middle)
  const end = Buffer.from(around.end)
  for (let row = 0; row < rowCount; row++) {
    const fault = faults.get(row)
    if (fault) {
      bytes.text(encodeLines(form, firstRow + row, [fault]))
      continue
    }
    bytes.literal(begin)
    bytes.whole(firstRow + row)
    bytes.literal(middle)
    writeNext(bytes)
    bytes.literal(end)
  }
  return true
}

function writeAnswers(
  bytes: LineBytes,
  { rowCount, firstRow, form, faults }: LinedRows,
  result: unknown,
  options: LineOptions,
): boolean {
  const goodCount = rowCount - faults.size
  const answers = goodCount === 0 ? [] : rowAnswers(result, goodCount, options)
  if (!answers) return false
  let next = 0
  const results = Array.from({ length: rowCount }, (_, row): RowResult => {
    return faults.get(row) ?? { prediction: answers[next++] as string }
  })
  if (!results.every(each => fits(each, form))) return false
  bytes.text(encodeLines(form, firstRow, results))
  return true
}
