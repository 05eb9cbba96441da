/** Matches strings and the characters that open, close and part objects and lists, and skips numbers and words. */
const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g

/** An object that is being read, with its keys so far, or a list, with the reader's position in it. */
interface Level {
  readonly keys: Set<string> | undefined
  at: string
}

/**
 * Finds a key that an object has twice, of which JSON.parse would silently take the last.
 *
 * @param text  JSON that JSON.parse takes
 * @returns the path of the first such key, e.g. `limits.timeoutMs`, or undefined
 */
export function findDuplicateKey(text: string): string | undefined {
  const levels: Level[] = []
  let string = ''
  for (const [part] of text.matchAll(token)) {
    const level = levels.at(-1)
    if (part === '{' || part === '[') levels.push({ keys: part === '{' ? new Set() : undefined, at: '0' })
    else if (part === '}' || part === ']') levels.pop()
    else if (part === ',' && level && !level.keys) level.at = String(Number(level.at) + 1)
    else if (part === ':' && level?.keys) {
      level.at = JSON.parse(string)
      if (level.keys.has(level.at)) return levels.map(({ at }) => at).join('.')
      level.keys.add(level.at)
    } else string = part
  }
  return undefined
}
