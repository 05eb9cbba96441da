import { StartupError } from '../../errors.ts'
import { findStorageConnection, resolveSettings, type StorageAccount } from '../app/binding-settings.ts'
import type { Trigger } from '../app/triggers.ts'

/** A blob trigger with its container. */
export interface BlobTrigger {
  readonly kind: 'runs'
  readonly trigger: Trigger
  readonly pattern: BlobPattern
  readonly account: StorageAccount
}

/** e.g. `in/{name}.json` of the container `requests`. */
export interface BlobPattern {
  readonly container: string
  /** What every such name begins with. */
  readonly prefix: string
  /** @returns the variables of the name; undefined when it is no such blob */
  match(name: string): Record<string, string> | undefined
}

/**
 * @returns the reason when there is no storage for the trigger
 * @throws StartupError when the binding is wrong
 */
export function planBlobTrigger(
  trigger: Trigger,
  environment: NodeJS.ProcessEnv,
): BlobTrigger | { readonly kind: 'skipped'; readonly reason: string } {
  const { name } = trigger.fn
  const given = trigger.binding.path
  if (typeof given !== 'string')
    throw new StartupError(`function "${name}": path is ${JSON.stringify(given)}, and must be a string`)
  const pattern = parsePattern(resolveSettings(given, `path of function "${name}"`, environment))
  if (!pattern)
    throw new StartupError(
      `function "${name}": path is "${given}", and must be a container and a pattern, such as requests/{name}`,
    )
  // Blobs that are to be run have messages in a queue.
  const connection = findStorageConnection(trigger.binding.connection, environment, 'blob', 'queue')
  if (connection.kind === 'missing') return { kind: 'skipped', reason: connection.reason }
  return { kind: 'runs', trigger, pattern, account: connection.account }
}

/** @returns undefined when it is no path */
export function parsePattern(path: string): BlobPattern | undefined {
  const [, container = '', rest = '{name}'] = /^([a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9]))(?:\/(.+))?$/.exec(path) ?? []
  if (container === '') return undefined
  const parts = rest.split(/\{([A-Za-z_]\w*)\}/)
  const names = parts.filter((_, index) => index % 2 === 1)
  if (new Set(names).size !== names.length || parts.some((part, index) => index % 2 === 0 && /[{}]/.test(part)))
    return undefined
  const source = parts.map((part, index) => (index % 2 === 0 ? escapeText(part) : `(?<${part}>.+)`)).join('')
  const expression = new RegExp(`^${source}$`, 's')
  return {
    container,
    prefix: parts[0] ?? '',
    match: name => {
      const found = expression.exec(name)
      return found ? { ...found.groups } : undefined
    },
  }
}

/** Node.js 22 has no `RegExp.escape`. */
function escapeText(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
