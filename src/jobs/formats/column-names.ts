/**
 * The name that was probably meant.
 *
 * @returns undefined: none is near
 */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined
  // A third of its letters, or letters of another case.
  let least = Math.floor(name.length / 3) + 1
  for (const each of names.slice(0, maxNames)) {
    const edits = editsBetween(name.toLowerCase(), each.toLowerCase(), least)
    if (edits < least) [nearest, least] = [each, edits]
  }
  return nearest
}

const maxNames = 1000
const maxLength = 200

/** Letters to be put in, taken out or changed (Levenshtein). @returns `most` where it is that or more */
function editsBetween(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) >= most || Math.max(one.length, other.length) > maxLength) return most
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let at = 1; at <= one.length; at++) {
    const next = [at]
    for (let index = 1; index <= other.length; index++) {
      const change = (row[index - 1] as number) + Number(one[at - 1] !== other[index - 1])
      next.push(Math.min(change, (row[index] as number) + 1, (next[index - 1] as number) + 1))
    }
    row = next
  }
  return Math.min(most, row.at(-1) as number)
}

/** The first name that another one before it is the same as: a file may have a hundred thousand, so each is looked at once. */
export function repeatedName(names: readonly string[]): string | undefined {
  const seen = new Set<string>()
  return names.find(name => seen.size === seen.add(name).size)
}
