import { StartupError } from '../errors.ts'
import { decodePath } from './request-path.ts'
import { type Parameter, type Part, parseTemplate, type Segment } from './route-template.ts'

export interface RouteEntry<Target> {
  /** Template after the route prefix. */
  readonly route: string
  /** Methods in upper case. */
  readonly methods: readonly string[]
  readonly target: Target
}

export interface RouteMatch<Target> {
  readonly target: Target
  readonly params: Record<string, string>
}

interface Route<Target> {
  readonly segments: readonly Segment[]
  readonly methods: ReadonlySet<string>
  readonly target: Target
}

const malformed = Symbol('malformed path')

/**
 * Which function a request means. A route of other methods does not match, so the next one is tried; the order is that
 * of Azure Functions' own comparison (WebJobsRouteBuilder.RouteComparison): see {@link compareRoutes}.
 */
export class RouteTable<Target> {
  /** What {@link find} answers for a path with broken percent escapes. */
  static readonly malformed: typeof malformed = malformed

  readonly #routes: Route<Target>[]
  /** Routes without parameters, by path in lower case: most lookups end here. */
  readonly #literal = new Map<string, Route<Target>[]>()

  /** @throws StartupError when a template is wrong */
  constructor(entries: readonly RouteEntry<Target>[], prefix: string) {
    this.#routes = entries
      .map(({ route, methods, target }) => ({
        segments: parseTemplate(joinTemplate(prefix, route)),
        methods: new Set(methods),
        target,
      }))
      .sort((a, b) => compareRoutes(a.segments, b.segments))
    for (const [index, route] of this.#routes.entries()) this.#indexLiteral(route, this.#routes.slice(0, index))
  }

  /** @param url  request target as received, e.g. `/api/v1/service/iris/score?x=1` */
  find(method: string, url: string): RouteMatch<Target> | typeof malformed | undefined {
    const path = decodePath(url)
    if (path === undefined) return malformed
    const candidates = this.#literal.get(path) ?? this.#literal.get(path.toLowerCase())
    if (candidates) {
      for (const { methods, target } of candidates) if (methods.has(method)) return { target, params: {} }
    }
    return this.#scan(method, path)
  }

  #scan(method: string, path: string): RouteMatch<Target> | undefined {
    const values = path === '/' ? [] : path.slice(1).split('/')
    for (const route of this.#routes) {
      if (!route.methods.has(method)) continue
      const params = matchSegments(route.segments, values)
      if (params) return { target: route.target, params }
    }
    return undefined
  }

  #indexLiteral(route: Route<Target>, before: readonly Route<Target>[]): void {
    const literals = route.segments.map(({ parts }) => literalOf(parts))
    if (!literals.every(literal => literal !== undefined)) return
    const isShadowed = before.some(({ segments }) => !isLiteral(segments) && matchSegments(segments, literals))
    if (isShadowed) return
    const path = `/${literals.join('/')}`
    this.#literal.set(path, [...(this.#literal.get(path) ?? []), route])
  }
}

function joinTemplate(prefix: string, route: string): string {
  if (prefix === '') return route.replace(/^~?\//, '')
  if (route.startsWith('/')) {
    throw new StartupError(`route "${route}" may not start with "/" when host.json has the route prefix "${prefix}"`)
  }
  return `${prefix}/${route}`
}

function isLiteral(segments: readonly Segment[]): boolean {
  return segments.every(({ parts }) => literalOf(parts) !== undefined)
}

function literalOf([part, ...others]: readonly Part[]): string | undefined {
  return part && 'literal' in part && others.length === 0 ? part.literal : undefined
}

/** Segment by segment: literal before parameter, more constraints before fewer; then the longer route before the shorter. */
function compareRoutes(a: readonly Segment[], b: readonly Segment[]): number {
  for (const [index, segment] of a.entries()) {
    const other = b[index]
    if (!other) return -1
    const [part, otherPart] = [segment.parts[0]!, other.parts[0]!]
    if ('literal' in part && 'literal' in otherPart) {
      if (part.literal !== otherPart.literal) return part.literal < otherPart.literal ? -1 : 1
    } else if ('parameter' in part && 'parameter' in otherPart) {
      const difference = otherPart.parameter.constraints.length - part.parameter.constraints.length
      if (difference !== 0) return difference
    } else {
      return 'literal' in part ? -1 : 1
    }
  }
  return b.length > a.length ? 1 : 0
}

function matchSegments(segments: readonly Segment[], values: readonly string[]): Record<string, string> | undefined {
  const last = segments.at(-1)?.parts[0]
  const isOpen = last !== undefined && 'parameter' in last && last.parameter.isCatchAll
  if (values.length > segments.length && !isOpen) return undefined
  const params: Record<string, string> = {}
  for (let index = 0; index < segments.length; index++) {
    const { parts, patterns } = segments[index]!
    const value = values[index]
    if (patterns.length > 0) {
      if (value === undefined || !matchPatterns(patterns, value, params)) return undefined
      continue
    }
    const part = parts[0]!
    if ('literal' in part) {
      if (value === undefined || !isSameText(value, part.literal)) return undefined
      continue
    }
    const { parameter } = part
    const isRest = parameter.isCatchAll && value !== undefined
    if (!take(parameter, isRest ? values.slice(index).join('/') : value, params)) return undefined
    if (isRest) break
  }
  return params
}

function take(parameter: Parameter, given: string | undefined, params: Record<string, string>): boolean {
  const { name, constraints, isOptional, isCatchAll, defaultValue } = parameter
  if (given === '' && !isCatchAll) return false
  const value = given === undefined || given === '' ? defaultValue : given
  if (value === undefined) return isOptional || (isCatchAll && constraints.length === 0)
  if (!constraints.every(isSatisfied => isSatisfied(value))) return false
  params[name] = value
  return true
}

function matchPatterns(patterns: Segment['patterns'], value: string, params: Record<string, string>): boolean {
  for (const { regex, parameters } of patterns) {
    const found = regex.exec(value)
    if (found) return parameters.every((parameter, index) => take(parameter, found[index + 1], params))
  }
  return false
}

function isSameText(value: string, literal: string): boolean {
  return value === literal || (value.length === literal.length && value.toLowerCase() === literal)
}
