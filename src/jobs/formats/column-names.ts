/**
 * Finds the name that was probably meant.
 *
 * @returns undefined when none is similar
 */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined
  // At most a third of the letters may differ; case is ignored.
  let minEdits = Math.floor(name.length / 3) + 1
  for (const each of names.slice(0, maxNames)) {
    const edits = editsBetween(name.toLowerCase(), each.toLowerCase(), minEdits)
    if (edits < minEdits) [nearest, minEdits] = [each, edits]
  }
  return nearest
}

const maxNames = 1000
const maxLength = 200

/** Levenshtein distance, at most `max`. */
function editsBetween(one: string, other: string, max: number): number {
  if (Math.abs(one.length - other.length) >= max || Math.max(one.length, other.length) > maxLength) return max
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let at = 1; at <= one.length; at++) {
    const next = [at]
    for (let index = 1; index <= other.length; index++) {
      const change = (row[index - 1] as number) + Number(one[at - 1] !== other[index - 1])
      next.push(Math.min(change, (row[index] as number) + 1, (next[index - 1] as number) + 1))
    }
    row = next
  }
  return Math.min(max, row.at(-1) as number)
}

/** The first name that occurs a second time. It reads each name once, because a file may have a hundred thousand. */
export function repeatedName(names: readonly string[]): string | undefined {
  const seen = new Set<string>()
  return names.find(name => seen.size === seen.add(name).size)
}

/**
 * Finds columns by the names that a service takes: by the same name, also where its letters are composed in the other way that Unicode
 * has (files of macOS: `o` and a diaeresis for `ö`), otherwise by the name that converters to ONNX made of it. They put "_" in place of
 * what is neither letter nor digit: `sepal length (cm)` became `sepal_length__cm_` (skl2onnx, `_generate_unique_name`).
 *
 * @param names  all that are looked for
 * @returns a function from a name to the index of its column; undefined when there is none, or several could be meant
 */
export function columnFinder(
  columns: readonly string[],
  names: readonly string[],
): (name: string) => number | undefined {
  const exact = new Map(columns.map((name, column) => [name, column]))
  const others = new Map<string, number | undefined>()
  const composed = new Map<string, number | undefined>()
  const add = (map: typeof others, name: string, column: number) => map.set(name, map.has(name) ? undefined : column)
  if (names.some(name => !exact.has(name))) {
    const taken = new Set(names)
    for (const [column, name] of columns.entries()) {
      if (taken.has(name)) continue
      add(composed, name.normalize(), column)
      add(others, convertName(name.normalize()), column)
    }
  }
  return name => exact.get(name) ?? composed.get(name.normalize()) ?? others.get(name)
}

function convertName(name: string): string {
  const converted = name.replace(/[^\p{L}\p{N}_+]/gu, '_')
  return /^[0-9]/.test(converted) ? `_${converted}` : converted
}

const maxListed = 10

/** The first of some names, for a message. */
export function listed(names: readonly string[], write: (name: string) => string): string {
  const shown = names.slice(0, maxListed).map(write).join(', ')
  return names.length > maxListed ? `${shown} and ${names.length - maxListed} more` : shown
}
