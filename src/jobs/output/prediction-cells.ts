import { splitArray, splitObject } from '../formats/split-json.ts'
import type { PredictionPart } from '../line-form.ts'

/**
 * Divides a prediction, which is JSON text, into the cells of a CSV.
 *
 * @returns undefined when it does not have the form of the parts
 */
export function predictionCells(prediction: string, parts: readonly PredictionPart[]): string[] | undefined {
  const members = parts.some(({ member }) => member !== undefined) ? splitObject(prediction) : undefined
  const cells: string[] = []
  for (const { member, columns, isWhole } of parts) {
    if (member !== undefined && !members) return undefined
    const value = member === undefined ? prediction : members?.get(member)
    if (isWhole) {
      cells.push(value === undefined ? '' : plainText(value))
      continue
    }
    const values = value === undefined ? [] : leaves(value)
    if (values.length !== columns.length) return undefined
    cells.push(...values.map(plainText))
  }
  return cells
}

/** The inverse: a prediction of which `predictionCells` would make the same cells. */
export function joinCells(cells: readonly string[], parts: readonly PredictionPart[]): string {
  let at = 0
  const values = parts.map(({ member, columns, isWhole }) => {
    const taken = cells.slice(at, at + columns.length).map(cell => JSON.stringify(cell))
    at += columns.length
    return [member, isWhole ? (taken[0] as string) : `[${taken.join(',')}]`] as const
  })
  const [only] = values
  if (only && only[0] === undefined) return only[1]
  return `{${values.map(([member, value]) => `${JSON.stringify(member)}:${value}`).join(',')}}`
}

/** Keeps some members of an object. */
export function keepMembers(prediction: string, names: readonly string[]): string {
  const members = splitObject(prediction)
  if (!members) return prediction
  const kept = names.filter(name => members.has(name)).map(name => `${JSON.stringify(name)}: ${members.get(name)}`)
  return `{${kept.join(', ')}}`
}

/** The values in lists and objects, in order. */
function leaves(json: string): string[] {
  const inner = json.startsWith('{') ? [...(splitObject(json)?.values() ?? [])] : splitArray(json)
  return inner ? inner.flatMap(leaves) : [json]
}

/** The characters of a JSON string; any other value as JSON on one line. */
export function plainText(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : oneLine(json)
}

/** In JSON text a line end stands between values only; inside a string it is escaped. */
export function oneLine(json: string): string {
  return json.replace(/[\r\n]+/g, ' ')
}
