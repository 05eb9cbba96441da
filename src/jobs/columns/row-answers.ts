import { encode, encodeRows } from '../../tensor/python-json.ts'
import type { NonFinite } from '../../tensor/python-json-elements.ts'
import { Tensor } from '../../tensor/tensor.ts'
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
  if (result instanceof Tensor) return tensorAnswers(result, rowCount, nonFinite)
  const members = tensorMembers(result)
  if (members) return memberAnswers(members, rowCount, nonFinite)
  const answer = result === undefined || result === null ? '{}' : encode(result, nonFinite)
  return splitAnswer(answer, rowCount, lists) ?? (rowCount === 1 ? [answer] : undefined)
}

function tensorAnswers(tensor: Tensor, rowCount: number, nonFinite: NonFinite): readonly string[] | undefined {
  const isByRow = tensor.shape[0] === rowCount && !(tensor.classes && tensor.shape.length === 1)
  if (isByRow) return encodeRows(tensor, nonFinite)
  return rowCount === 1 ? [encode(tensor, nonFinite)] : undefined
}

/** @returns undefined when the result is anything else than an object of tensors by name */
function tensorMembers(result: unknown): [name: string, tensor: Tensor][] | undefined {
  if (typeof result !== 'object' || result === null || Object.getPrototypeOf(result) !== Object.prototype)
    return undefined
  if ('toJSON' in result || 'rawJSON' in result) return undefined
  const members = Object.entries(result)
  return members.length > 0 && members.every(([, member]) => member instanceof Tensor) ? members : undefined
}

function memberAnswers(
  members: readonly [name: string, tensor: Tensor][],
  rowCount: number,
  nonFinite: NonFinite,
): readonly string[] | undefined {
  if (!members.every(([, { shape, classes }]) => shape[0] === rowCount && !(classes && shape.length === 1))) {
    return rowCount === 1 ? [encode(Object.fromEntries(members), nonFinite)] : undefined
  }
  const columns = members.map(([name, tensor]) => ({
    key: `${JSON.stringify(name)}: `,
    texts: encodeRows(tensor, nonFinite),
  }))
  return Array.from(
    { length: rowCount },
    (_, row) => `{${columns.map(({ key, texts }) => key + texts[row]).join(', ')}}`,
  )
}
