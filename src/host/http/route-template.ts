import { StartupError } from '../../errors.ts'

/** One part of a route between two slashes. */
export type Segment =
  /** In lower case: literals match whatever the case. */
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string }
  /** The rest of the path, which may be empty; always the last segment. */
  | { readonly kind: 'catchAll'; readonly name: string }

/** Names what is supported, and where the rest of ASP.NET Core's syntax works. */
const supported =
  'the embedded host takes text, {name} and, as the last segment, {*name}. ' +
  'Register one route for each form, or run the app in Azure\'s own host ("npm run start:func")'

/**
 * Reads a route: literals, `{name}` and one catch-all `{*name}` at the end, e.g. `jobs/{id}/{*rest}`. Constraints, defaults,
 * optional parameters and segments of several parts, which Azure's own host takes as well, are refused rather than
 * matched in another way than in Azure.
 *
 * @param prefix  of host.json; stands before every route
 * @throws StartupError that names the function, the route, and what is supported
 */
export function parseRoute(functionName: string, route: string, prefix: string): Segment[] {
  const refuse = (reason: string) =>
    new StartupError(`function "${functionName}": route "${route}" is not supported: ${reason}`)
  if (prefix !== '' && route.startsWith('/')) {
    throw refuse(`it may not start with "/", because host.json sets the route prefix "${prefix}"`)
  }
  if (/^\/?admin/i.test(route)) throw refuse('Azure reserves routes that begin with "admin"')
  const parts = [prefix, route.replace(/^\/|\/$/g, '')].filter(part => part !== '').flatMap(part => part.split('/'))
  const names = new Set<string>()
  return parts.map((part, index) => {
    if (part === '') throw refuse('two slashes follow each other')
    if (!/[{}]/.test(part)) return { kind: 'literal', text: part.toLowerCase() }
    const [, star, name] = /^\{(\*?)([^{}/*?:=]+)\}$/.exec(part) ?? []
    if (name === undefined || (star && index < parts.length - 1))
      throw refuse(`it has the segment "${part}", and ${supported}`)
    if (names.has(name.toLowerCase())) throw refuse(`the parameter "${name}" appears twice`)
    names.add(name.toLowerCase())
    return { kind: star ? 'catchAll' : 'parameter', name }
  })
}

/**
 * @param values  decoded segments of a path
 * @returns the parameters by name; undefined when the path is not one of this route
 */
export function matchSegments(
  segments: readonly Segment[],
  values: readonly string[],
): Record<string, string> | undefined {
  const params: Record<string, string> = {}
  for (const [index, segment] of segments.entries()) {
    const value = values[index]
    if (segment.kind === 'catchAll') {
      const rest = values.slice(index).join('/')
      if (rest !== '') params[segment.name] = rest
      return params
    }
    if (value === undefined) return undefined
    if (segment.kind === 'literal') {
      if (!isSameText(value, segment.text)) return undefined
    } else {
      if (value === '') return undefined
      params[segment.name] = value
    }
  }
  return values.length > segments.length ? undefined : params
}

function isSameText(value: string, literal: string): boolean {
  return value === literal || (value.length === literal.length && value.toLowerCase() === literal)
}

/** Segment by segment: a literal before a parameter or catch-all; then the longer route before the shorter. */
export function compareSegments(a: readonly Segment[], b: readonly Segment[]): number {
  for (const [index, segment] of a.entries()) {
    const other = b[index]
    if (!other) return -1
    if (segment.kind === 'literal' && other.kind === 'literal') {
      if (segment.text !== other.text) return segment.text < other.text ? -1 : 1
    } else if (segment.kind === 'literal' || other.kind === 'literal') {
      return segment.kind === 'literal' ? -1 : 1
    }
  }
  return b.length > a.length ? 1 : 0
}
