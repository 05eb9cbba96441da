import { StartupError } from '../../errors.ts'
import { decodePath } from './request-path.ts'
import { compareSegments, matchSegments, parseRoute, type Segment } from './route-template.ts'

export interface RouteEntry<Target> {
  /** For messages. */
  readonly functionName: string
  /** Without the route prefix. */
  readonly route: string
  /** In upper case. */
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
 * Finds the function that a request means. A route with other methods does not match, so the next one is tried; routes are
 * tried in the order of Azure Functions (WebJobsRouteBuilder.RouteComparison): see {@link compareSegments}.
 */
export class RouteTable<Target> {
  /** The result of {@link find} for a path with broken percent escapes. */
  static readonly malformed: typeof malformed = malformed

  readonly #routes: Route<Target>[]
  /** Routes without parameters, by path in lower case: most lookups end here. */
  readonly #literal = new Map<string, Route<Target>[]>()

  /**
   * @param prefix  of host.json; stands before every route
   * @throws StartupError when a route is not supported, or two functions have the same route and method
   */
  constructor(entries: readonly RouteEntry<Target>[], prefix: string) {
    refuseConflicts(entries)
    this.#routes = entries
      .map(({ functionName, route, methods, target }) => ({
        segments: parseRoute(functionName, route, prefix),
        methods: new Set(methods),
        target,
      }))
      .sort((a, b) => compareSegments(a.segments, b.segments))
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
    const texts = literalTexts(route.segments)
    if (!texts) return
    const isShadowed = before.some(({ segments }) => !literalTexts(segments) && matchSegments(segments, texts))
    if (isShadowed) return
    const path = `/${texts.join('/')}`
    this.#literal.set(path, [...(this.#literal.get(path) ?? []), route])
  }
}

/** Azure starts only the first of two functions whose routes have the same text and a method in common (HttpRoutesConflict). */
function refuseConflicts(entries: readonly RouteEntry<unknown>[]): void {
  const owners = new Map<string, string>()
  for (const { functionName, route, methods } of entries) {
    for (const method of methods) {
      const key = `${method} ${route.replace(/^\/+|\/+$/g, '').toLowerCase()}`
      const owner = owners.get(key)
      if (owner !== undefined) {
        throw new StartupError(
          `function "${functionName}": route "${route}" is the route of function "${owner}" too, for ${method}`,
        )
      }
      owners.set(key, functionName)
    }
  }
}

/** @returns undefined when the route has a parameter */
function literalTexts(segments: readonly Segment[]): string[] | undefined {
  const texts = segments.flatMap(segment => (segment.kind === 'literal' ? segment.text : []))
  return texts.length === segments.length ? texts : undefined
}
