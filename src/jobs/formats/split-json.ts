/**
 * Splits JSON text at its first level without parsing it, so that numbers beyond a double, `1.0` and a bare NaN keep their spelling.
 * The text must be valid JSON.
 */

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d]

/** @returns the text of each element, in order; undefined when the text is not an array */
export function splitArray(text: string): string[] | undefined {
  const trimmed = text.trim()
  if (!trimmed.startsWith('[') || !trimmed.endsWith(']')) return undefined
  return splitElements(trimmed)
}

/** @returns the text of each member by name, the last one of a repeated name; undefined when the text is not an object */
export function splitObject(text: string): Map<string, string> | undefined {
  const trimmed = text.trim()
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) return undefined
  const members = new Map<string, string>()
  for (const member of splitElements(trimmed)) {
    const nameEnd = endOfString(member, 0)
    members.set(JSON.parse(member.slice(0, nameEnd)), member.slice(member.indexOf(':', nameEnd) + 1).trim())
  }
  return members
}

/**
 * Splits the answer to a request of several rows into what each row alone would get: the elements of an array, or for an object of
 * arrays an object for each row.
 *
 * @param lists  names of members that are lists whose entries each have all rows; '' when the answer itself is such a list
 * @returns `rowCount` texts; undefined when the answer does not follow the rows
 */
export function splitAnswer(answer: string, rowCount: number, lists: readonly string[] = []): string[] | undefined {
  if (lists.includes('')) return splitList(answer, rowCount)
  const elements = splitArray(answer)
  if (elements) return elements.length === rowCount ? elements : undefined
  const members = splitObject(answer)
  if (!members) return undefined
  const rows: string[][] = Array.from({ length: rowCount }, () => [])
  for (const [name, member] of members) {
    const parts = lists.includes(name) ? splitList(member, rowCount) : splitAnswer(member, rowCount)
    if (!parts) return undefined
    for (const [index, part] of parts.entries()) rows[index]?.push(`${JSON.stringify(name)}: ${part}`)
  }
  return rows.map(parts => `{${parts.join(', ')}}`)
}

function splitList(text: string, rowCount: number): string[] | undefined {
  const entries = splitArray(text)?.map(entry => splitAnswer(entry, rowCount))
  if (!entries || entries.includes(undefined)) return undefined
  return Array.from({ length: rowCount }, (_, row) => `[${entries.map(rows => rows?.[row]).join(', ')}]`)
}

/** Splits at the commas of the outermost brackets. */
function splitElements(text: string): string[] {
  const elements: string[] = []
  let depth = 0
  let start = 1
  for (let at = 1; at < text.length - 1; at++) {
    const character = text.charCodeAt(at)
    if (character === quote) at = endOfString(text, at) - 1
    else if (character === openBracket || character === openBrace) depth++
    else if (character === closeBracket || character === closeBrace) depth--
    else if (character === comma && depth === 0) {
      elements.push(text.slice(start, at).trim())
      start = at + 1
    }
  }
  const last = text.slice(start, -1).trim()
  if (last !== '' || elements.length > 0) elements.push(last)
  return elements
}

/** @param at  index of the opening quote. @returns index after the closing quote */
function endOfString(text: string, at: number): number {
  for (let next = at + 1; next < text.length; next++) {
    const character = text.charCodeAt(next)
    if (character === backslash) next++
    else if (character === quote) return next + 1
  }
  return text.length
}
