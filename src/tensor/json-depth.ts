const [quote, backslash, openBracket, closeBracket, openBrace, closeBrace] = [...'"\\[]{}'].map(c => c.charCodeAt(0))

/** Counts brackets outside strings before anything recursive sees the text. @param json  what may be JSON, in UTF-8 */
export function isNestedDeeper(json: Uint8Array, maxDepth: number): boolean {
  if (json.length <= maxDepth) return false
  let depth = 0
  for (let index = 0; index < json.length; index++) {
    const byte = json[index]
    if (byte === quote) {
      for (index++; index < json.length && json[index] !== quote; index++) if (json[index] === backslash) index++
    } else if (byte === openBracket || byte === openBrace) {
      if (++depth > maxDepth) return true
    } else if (byte === closeBracket || byte === closeBrace) {
      depth--
    }
  }
  return false
}
