import type { FunctionMetadata, FunctionsCore } from './functions-core.ts'

/** Who registers at the moment: this app, or a file of the project such as `functions/hello.ts`. */
export type Owner = { readonly kind: 'app' } | { readonly kind: 'file'; readonly file: string }

interface Registration {
  readonly name: string
  /** The pattern of its route, for comparison; undefined: not HTTP. */
  readonly pattern: string | undefined
  readonly owner: Owner
}

/**
 * Knows every function of the process, so that one of the project takes neither the name nor the route of another. Azure's host
 * reports neither: some versions of its worker put the later function in the place of the earlier one, and of two equal routes one
 * is never called.
 */
export class Registrations {
  owner: Owner = { kind: 'app' }
  readonly #known: Registration[] = []

  /** Looks at each registration before the host gets it. */
  watch(core: FunctionsCore): void {
    const register = core.registerFunction
    core.registerFunction = (metadata, handler) => {
      this.#add(metadata)
      return Reflect.apply(register, core, [metadata, handler])
    }
  }

  /** @returns the names of the functions that a file of the project has registered, in order */
  namesFrom(file: string): string[] {
    return this.#known.filter(({ owner }) => owner.kind === 'file' && owner.file === file).map(({ name }) => name)
  }

  /** @throws Error that says what is taken, and by whom */
  #add(metadata: FunctionMetadata): void {
    const { name } = metadata
    const route = readRoute(metadata)
    const pattern = route === undefined ? undefined : comparable(route)
    const sameName = this.#known.find(known => known.name.toLowerCase() === name.toLowerCase())
    if (sameName) throw new Error(`the function name "${name}" belongs to ${describe(sameName.owner)}; choose another`)
    const sameRoute = this.#known.find(known => pattern !== undefined && known.pattern === pattern)
    if (sameRoute) {
      throw new Error(
        `the route "${route}" of function "${name}" belongs to the function "${sameRoute.name}" of ${describe(sameRoute.owner)}; choose another`,
      )
    }
    this.#known.push({ name, pattern, owner: this.owner })
  }
}

/** An HTTP function without a route has its name for one. */
function readRoute({ name, bindings }: FunctionMetadata): string | undefined {
  const trigger = Object.values(bindings).find(({ type }) => type.toLowerCase() === 'httptrigger')
  return trigger && (trigger.route || name)
}

/** Names, constraints and defaults of parameters do not tell routes apart, and neither does case. */
function comparable(route: string): string {
  return route
    .replace(/^\/|\/$/g, '')
    .replace(/\{(\*{0,2})[^}]*\}/g, (_parameter, stars: string) => (stars === '' ? '{}' : '{*}'))
    .toLowerCase()
}

function describe(owner: Owner): string {
  return owner.kind === 'app' ? 'Scoring Functions' : owner.file
}
