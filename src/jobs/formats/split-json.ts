/**
 * Cuts JSON text at its first level and leaves the pieces as they are spelt: numbers beyond a double, `1.0`, and the
 * bare NaN of a service that writes them come out as they went in. Text that is no JSON comes out cut somewhere.
 */

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d]

/** @returns text of each element, in order; undefined: it is no array */
export function splitArray(text: string): string[] | undefined {
  const trimmed = text.trim()
  if (!trimmed.startsWith('[') || !trimmed.endsWith(']')) return undefined
  return splitElements(trimmed)
}

/** @returns text of each member by its name, the last one where a name is there twice; undefined: it is no object */
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
 * Cuts the answer to a request of several rows into what each row alone would have got: the elements of an array, or
 * an object of each where the answer is an object of arrays.
 *
 * @param lists  names of members that are lists of which each entry has all rows; '': the answer is one
 * @returns `rowCount` texts; undefined: the answer does not follow the rows
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

/** The pieces between the commas of the outermost brackets. */
function splitElements(text: string): string[] {
  const pieces: string[] = []
  let depth = 0
  let start = 1
  for (let at = 1; at < text.length - 1; at++) {
    const character = text.charCodeAt(at)
    if (character === quote) at = endOfString(text, at) - 1
    else if (character === openBracket || character === openBrace) depth++
    else if (character === closeBracket || character === closeBrace) depth--
    else if (character === comma && depth === 0) {
      pieces.push(text.slice(start, at).trim())
      start = at + 1
    }
  }
  const last = text.slice(start, -1).trim()
  if (last !== '' || pieces.length > 0) pieces.push(last)
  return pieces
}

/** @param at  of its opening quote @returns where the text goes on */
function endOfString(text: string, at: number): number {
  for (let next = at + 1; next < text.length; next++) {
    const character = text.charCodeAt(next)
    if (character === backslash) next++
    else if (character === quote) return next + 1
  }
  return text.length
}
