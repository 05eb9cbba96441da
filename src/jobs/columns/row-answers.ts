import { encode } from '../../tensor/python-json.ts'
import type { NonFinite } from '../../tensor/python-json-elements.ts'
import { splitAnswer } from '../formats/split-json.ts'

/**
 * Divides the result of a run into the JSON text that each row alone would get over HTTP.
 *
 * @param lists  members of the answer that are lists of tensors, see `listNames`
 * @returns undefined when the result does not follow the rows
 * @throws TypeError when it cannot be written as JSON
 */
export function rowAnswers(
  result: unknown,
  rowCount: number,
  { nonFinite, lists }: { readonly nonFinite: NonFinite; readonly lists: readonly string[] },
): readonly string[] | undefined {
  const answer = result === undefined || result === null ? '{}' : encode(result, nonFinite)
  return splitAnswer(answer, rowCount, lists) ?? (rowCount === 1 ? [answer] : undefined)
}
