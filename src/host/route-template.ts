import { StartupError } from '../errors.ts'
import { type Constraint, parseConstraint } from './route-constraints.ts'

export interface Parameter {
  readonly name: string
  readonly constraints: readonly Constraint[]
  readonly isOptional: boolean
  readonly isCatchAll: boolean
  readonly defaultValue: string | undefined
}

/** Literals are in lower case: they match whatever the case. */
export type Part = { readonly literal: string } | { readonly parameter: Parameter }

/** What stands between two slashes. Several parts, as in `{name}.{type}`, are matched by patterns made beforehand. */
export interface Segment {
  readonly parts: readonly Part[]
  readonly patterns: readonly { readonly regex: RegExp; readonly parameters: readonly Parameter[] }[]
}

/**
 * Reads a route template of ASP.NET Core as Azure Functions takes it: `jobs/{id:int}/{*rest}`.
 *
 * @throws StartupError naming the template
 */
export function parseTemplate(template: string): Segment[] {
  try {
    const segments = splitSegments(template).map(parseSegment)
    const parameters = segments.flatMap(segment =>
      segment.parts.flatMap(part => ('parameter' in part ? part.parameter : [])),
    )
    if (new Set(parameters.map(({ name }) => name.toLowerCase())).size < parameters.length) {
      throw new Error('a parameter name appears twice')
    }
    if (parameters.slice(0, -1).some(({ isCatchAll }) => isCatchAll) || segments.slice(0, -1).some(hasCatchAll)) {
      throw new Error('a catch-all parameter must be the last segment')
    }
    return segments
  } catch (cause) {
    throw new StartupError(`route "${template}": ${(cause as Error).message}`, { cause })
  }
}

function hasCatchAll({ parts }: Segment): boolean {
  return parts.some(part => 'parameter' in part && part.parameter.isCatchAll)
}

/** Cuts at slashes outside braces. */
function splitSegments(template: string): string[][] {
  if (template === '') return []
  const segments: string[][] = [[]]
  for (const token of tokens(template)) {
    if (token === '/') segments.push([])
    else segments.at(-1)!.push(token)
  }
  if (segments.length > 1 && segments.at(-1)!.length === 0) segments.pop()
  if (segments.some(segment => segment.length === 0)) throw new Error('"/" may not stand beside another one')
  return segments
}

/** `/`, `{parameter}` with its braces, and the text between; doubled braces stand for one. */
function* tokens(template: string): Generator<string> {
  let text = ''
  for (let at = 0; at < template.length; at++) {
    const char = template[at]!
    const isDoubled = template[at + 1] === char
    if (char === '/') {
      if (text) yield text
      text = ''
      yield '/'
    } else if (char === '{' && !isDoubled) {
      if (text) yield text
      text = ''
      const end = endOfParameter(template, at + 1)
      yield template.slice(at, end + 1)
      at = end
    } else if (char === '{' || char === '}') {
      if (!isDoubled) throw new Error(`"${char}" without its partner`)
      text += char === '{' ? '\u0001' : '\u0002' // told apart from a parameter until the segment is parsed
      at++
    } else {
      text += char
    }
  }
  if (text) yield text
}

function endOfParameter(template: string, from: number): number {
  for (let at = from; at < template.length; at++) {
    const char = template[at]
    if (char !== '}' && char !== '{') continue
    if (template[at + 1] === char) at++
    else if (char === '}') return at
    else break
  }
  throw new Error('"{" without its partner')
}

function parseSegment(tokens: string[]): Segment {
  const parts = tokens.map((token): Part => {
    if (token.startsWith('{')) return { parameter: parseParameter(unescapeBraces(token.slice(1, -1))) }
    return { literal: token.replaceAll('\u0001', '{').replaceAll('\u0002', '}').toLowerCase() }
  })
  if (parts.some((part, index) => index > 0 && 'parameter' in part && 'parameter' in parts[index - 1]!)) {
    throw new Error('two parameters need a literal between them')
  }
  if (parts.length > 1 && hasCatchAll({ parts, patterns: [] })) throw new Error('a catch-all parameter stands alone')
  return { parts, patterns: parts.length > 1 ? patternsOf(parts) : [] }
}

function unescapeBraces(text: string): string {
  return text.replaceAll('{{', '{').replaceAll('}}', '}')
}

/** `*name:constraint(args):constraint=default?` */
function parseParameter(text: string): Parameter {
  const isOptional = text.endsWith('?')
  const [, stars = '', name = '', rest = ''] = /^(\*{0,2})([^:=*]*)(.*)$/s.exec(isOptional ? text.slice(0, -1) : text)!
  if (!/^[^/{}?*]+$/.test(name)) throw new Error(`"${name}" is no name for a parameter`)
  const constraints: Constraint[] = []
  let at = 0
  while (rest[at] === ':') {
    const end = endOfConstraint(rest, at + 1)
    constraints.push(parseConstraint(rest.slice(at + 1, end)))
    at = end
  }
  const defaultValue = rest[at] === '=' ? rest.slice(at + 1) : undefined
  if (isOptional && defaultValue !== undefined) throw new Error(`parameter "${name}" has a default and is optional`)
  return { name, constraints, isOptional, isCatchAll: stars !== '', defaultValue }
}

/** Arguments may hold `:` and `=`: they end with a `)` before `:`, `=` or the end. */
function endOfConstraint(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === ':' || text[at] === '=') return at
    if (text[at] !== '(') continue
    while (at < text.length && !(text[at] === ')' && /^($|[:=])/.test(text.slice(at + 1)))) at++
  }
  return text.length
}

/** The first parameters take as much as they can; an optional last one may go, with the full stop before it. */
function patternsOf(parts: readonly Part[]): Segment['patterns'] {
  const compile = (chosen: readonly Part[]) => ({
    regex: new RegExp(
      `^${chosen.map(part => ('literal' in part ? RegExp.escape(part.literal) : '(.+)')).join('')}$`,
      'is',
    ),
    parameters: chosen.flatMap(part => ('parameter' in part ? part.parameter : [])),
  })
  const last = parts.at(-1)!
  const mayEndEarly = 'parameter' in last && last.parameter.isOptional
  return mayEndEarly ? [compile(parts), compile(parts.slice(0, -2))] : [compile(parts)]
}
