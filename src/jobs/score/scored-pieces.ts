import { decodeLines, type ResultLines, resultLines } from '../output/result-lines.ts'
import type { RowResult, ScoredPiece, TextOfRows } from '../row-scorer.ts'

/** @returns undefined when a row has no result */
export function joinPieces(
  pieces: readonly ScoredPiece[],
  { rowCount, firstRow, form }: Pick<TextOfRows, 'rowCount' | 'firstRow' | 'form'>,
): ResultLines | undefined {
  const lines: Uint8Array[] = []
  let next = 0
  let failed = 0
  for (const { from, rowCount: count, outcome } of pieces) {
    if (from !== next) return undefined
    next += count
    if ('lines' in outcome) {
      lines.push(outcome.lines)
      failed += outcome.failed
      continue
    }
    const results = outcome.results.filter(result => result !== undefined)
    if (results.length < count) return undefined
    const written = resultLines(results, firstRow + from, form)
    lines.push(...written.lines)
    failed += written.failed
  }
  return next === rowCount ? { lines, rowCount, failed } : undefined
}

/** The results of the rows of a piece; undefined for those that were not scored in time. */
export function pieceResults({ outcome }: ScoredPiece, form: TextOfRows['form']): readonly (RowResult | undefined)[] {
  if ('results' in outcome) return outcome.results
  return decodeLines(form, Buffer.from(outcome.lines).toString())
}
