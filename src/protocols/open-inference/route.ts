/** What the paths of the Open Inference Protocol V2 mean. */

/** The model that a path names. */
export interface ModelPath {
  readonly model: string
  readonly version: string | undefined
}

/** What a path asks for. */
export type Route =
  | { readonly kind: 'server' | 'live' | 'ready' | 'all-statistics' | 'index' | 'unsupported' }
  | ({ readonly kind: 'infer' } & ModelPath)
  | ({ readonly kind: 'metadata' | 'config' | 'model-ready' | 'statistics' } & ModelPath)
  | { readonly kind: 'control'; readonly model: string; readonly action: string }

const kinds = { config: 'config', ready: 'model-ready', stats: 'statistics', infer: 'infer' } as const

const model = /^models\/([^/]+)(?:\/versions\/([^/]+))?(?:\/(config|ready|stats|infer))?$/
const control = /^repository\/models\/([^/]+)\/(load|unload)$/
/** Extensions of Triton that need its own memory, or set up its logs. */
const unsupported = /^(systemsharedmemory|cudasharedmemory)(\/|$)|^(models\/[^/]+\/)?trace\/setting$|^logging$/

const fixed: Readonly<Record<string, Route>> = {
  '': { kind: 'server' },
  'health/live': { kind: 'live' },
  'health/ready': { kind: 'ready' },
  'models/stats': { kind: 'all-statistics' },
  'repository/index': { kind: 'index' },
}

/** The method of each route; GET means HEAD as well. */
export function methodFor({ kind }: Route): 'GET' | 'POST' | 'any' {
  if (kind === 'unsupported') return 'any'
  return kind === 'infer' || kind === 'index' || kind === 'control' ? 'POST' : 'GET'
}

/**
 * @param path  behind `/v2/`, decoded
 * @returns undefined for a path that the protocol does not have
 */
export function parseRoute(path: string): Route | undefined {
  if (Object.hasOwn(fixed, path)) return fixed[path]
  const [isModel, name, version, what] = model.exec(path) ?? []
  if (isModel && name) return { kind: what ? kinds[what as keyof typeof kinds] : 'metadata', model: name, version }
  const [isControl, controlled, action] = control.exec(path) ?? []
  if (isControl && controlled && action) return { kind: 'control', model: controlled, action }
  return unsupported.test(path) ? { kind: 'unsupported' } : undefined
}
