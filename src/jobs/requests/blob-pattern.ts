/** Patterns of blob names, such as `input/2026-*` with `.csv` files in any folder below, or a prefix that ends with a slash. */

export interface BlobPattern {
  readonly container: string
  /** What all names begin with. */
  readonly prefix: string
  /** The folders in that, with the slash at their end. */
  readonly folder: string
  /** @param path  without the container */
  matches(path: string): boolean
}

/** Whether a reference stands for several blobs. */
export function isPattern(blob: string): boolean {
  return /[*?]/.test(blob) || blob.endsWith('/')
}

/**
 * @param pattern  `*` is any part of a segment, `?` one character, and `**` as a segment any number of segments; a slash at the end
 *                 stands for all that is below
 */
export function parsePattern(pattern: string): BlobPattern {
  const slash = pattern.indexOf('/')
  const path = pattern.slice(slash + 1)
  const prefix = path.slice(0, /[*?]/.exec(path)?.index ?? path.length)
  // At the end it is not the folder itself.
  const whole = path.replace(/(^|\/)(\*\*)?$/, '$1**/*')
  const segments = whole.split('/').map(each => (each === '**' ? anything : [...each.replace(/\*+/g, '*')]))
  return {
    container: pattern.slice(0, slash),
    prefix,
    folder: prefix.slice(0, prefix.lastIndexOf('/') + 1),
    matches: name => isMatch(segments, name.split('/'), each => each === anything, matchesSegment),
  }
}

/** @returns whether a blob `<container>/<path>` matches */
export function createMatcher(pattern: string): (blob: string) => boolean {
  const { container, matches } = parsePattern(pattern)
  return blob => blob.startsWith(`${container}/`) && matches(blob.slice(container.length + 1))
}

const anything = ['**']

function matchesSegment(pattern: readonly string[], segment: string): boolean {
  return isMatch(
    pattern,
    [...segment],
    each => each === '*',
    (each, character) => each === '?' || each === character,
  )
}

/**
 * Whether a sequence matches a pattern whose wildcards stand for any number of elements. Only the last wildcard is ever widened, so
 * the time grows with the product of both lengths at most.
 */
function isMatch<Part, Value>(
  pattern: readonly Part[],
  values: readonly Value[],
  isWildcard: (part: Part) => boolean,
  isOne: (part: Part, value: Value) => boolean,
): boolean {
  let [at, next, wildcard, widenedTo] = [0, 0, -1, 0]
  while (next < values.length) {
    const part = pattern[at] as Part
    if (at < pattern.length && isWildcard(part)) {
      wildcard = at++
      widenedTo = next
    } else if (at < pattern.length && isOne(part, values[next] as Value)) {
      at++
      next++
    } else {
      if (wildcard < 0) return false
      at = wildcard + 1
      next = ++widenedTo
    }
  }
  return pattern.slice(at).every(isWildcard)
}

/** Names that programs write beside data: `_SUCCESS`, `.crc`. The folders that the pattern itself names may have any name. */
export function isHidden(path: string, { folder }: Pick<BlobPattern, 'folder'>): boolean {
  return path
    .slice(folder.length)
    .split('/')
    .some(segment => /^[._]/.test(segment))
}
