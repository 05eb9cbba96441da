/** Refuses blob names that a URL parser could resolve to another blob or container. */

/** Azure: "Naming and Referencing Containers, Blobs, and Metadata". */
const containerPattern = /^[a-z0-9](-?[a-z0-9]){2,62}$/
const maxPathCharacters = 1024
const maxSegments = 254

/** Controls, line separators and characters without a UTF-8 form. Some readers end a line or a text at them. */
const unfitCharacter = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Noncharacter_Code_Point}]/u

/**
 * Checks `<container>/<path>` segment by segment, because a regular expression over the whole name would depend on line ends.
 *
 * @returns what is wrong with the name, or undefined
 */
export function blobNameFault(name: string): string | undefined {
  const [container = '', ...segments] = name.split('/')
  if (segments.length === 0) return 'it has no "/" after the container'
  if (!containerPattern.test(container) || container.length > 63) {
    return 'a container is 3 to 63 lower-case letters, digits and single hyphens'
  }
  if (name.length - container.length - 1 > maxPathCharacters) return `its path is longer than ${maxPathCharacters}`
  if (segments.length > maxSegments) return `its path has more than ${maxSegments} segments`
  for (const segment of segments) {
    if (segment === '') return 'a segment of its path is empty'
    if (segment === '.' || segment === '..') return `a segment of its path is "${segment}"`
    if (segment.endsWith('.')) return 'a segment of its path ends with a dot'
    if (segment.includes('\\')) return 'its path has a backslash'
    const character = unfitCharacter.exec(segment)?.[0]
    if (character !== undefined) return `its path has the character ${codePoint(character)}`
  }
  return undefined
}

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`
}
