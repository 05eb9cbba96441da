import { encode } from '../../tensor/python-json.ts'
import { pythonFloat } from '../../tensor/python-json-elements.ts'

/**
 * The query of a GET as the JSON object that a POST would carry: each value is read as JSON, else kept as text, and a
 * repeated name becomes a list (guide/contract.md). Whole numbers stay exact, others are written as Python does.
 *
 * @param url  with or without a query
 */
export function encodeQuery(url: string): Uint8Array {
  const parameters = new Map<string, unknown[]>()
  for (const [name, text] of pairsOf(url)) {
    const values = parameters.get(name)
    if (values) values.push(parseValue(text))
    else parameters.set(name, [parseValue(text)])
  }
  const members = [...parameters].map(
    ([name, values]) => `${encode(name)}: ${encode(values.length === 1 ? values[0] : values)}`,
  )
  return new TextEncoder().encode(`{${members.join(', ')}}`)
}

function* pairsOf(url: string): Iterable<[string, string]> {
  const start = url.indexOf('?')
  if (start < 0) return
  for (const pair of url.slice(start + 1).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    if (equals < 0) yield [decodePart(pair), '']
    else yield [decodePart(pair.slice(0, equals)), decodePart(pair.slice(equals + 1))]
  }
}

/** Undoes percent escapes; those that are no UTF-8 stay as they are. */
function decodePart(part: string): string {
  return part.replaceAll('+', ' ').replace(/(?:%[0-9a-f]{2})+/gi, decodeEscapes)
}

function decodeEscapes(escapes: string): string {
  const whole = decodeOrNothing(escapes)
  if (whole !== undefined) return whole
  let text = ''
  for (let at = 0; at < escapes.length; ) {
    const length = characterLengths.find(each => decodeOrNothing(escapes.slice(at, at + each)) !== undefined)
    const part = escapes.slice(at, at + (length ?? 3))
    text += length ? decodeURIComponent(part) : part.toUpperCase()
    at += part.length
  }
  return text
}

/** A character in UTF-8 is one to four escapes of three letters. */
const characterLengths = [3, 6, 9, 12]

function decodeOrNothing(escapes: string): string | undefined {
  try {
    return decodeURIComponent(escapes)
  } catch {
    return undefined
  }
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text, asPythonReads)
  } catch {
    return text
  }
}

function asPythonReads(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value
  const isWhole = /^-?\d+$/.test(context.source)
  // 1e400 stays: bare `Infinity` would be no JSON, and this reads back to it.
  return rawJson(isWhole || !Number.isFinite(value) ? context.source : pythonFloat(value))
}

/** TypeScript does not know it yet (ECMAScript proposal, source text access). */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown }
