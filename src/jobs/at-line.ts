import type { RowResult } from './row-scorer.ts'

/**
 * Tells in the message of a failed row where it stands in its file, as an editor shows it.
 *
 * @param line  from 1; undefined: it is not known
 */
export function atLine<Result extends RowResult>(result: Result, line: number | undefined): Result {
  if (line === undefined || !('code' in result)) return result
  return { ...result, message: `line ${line}: ${result.message}` }
}
