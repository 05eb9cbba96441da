import { ServiceLoadError } from '../errors.ts'
import { ServiceDefinition } from './definition.ts'

/**
 * Reads the text of a `service.json`.
 *
 * @param file  what to call it in messages, e.g. `iris/service.json`
 * @throws ServiceLoadError naming the key, e.g. `iris/service.json: batching: unrecognized key "maxDelay"`
 */
export function parseDefinition(file: string, text: string): ServiceDefinition {
  let json: unknown
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new ServiceLoadError(`${file} is not JSON: ${(cause as Error).message}`)
  }
  const parsed = ServiceDefinition.safeParse(json)
  if (!parsed.success)
    throw new ServiceLoadError(parsed.error.issues.map(issue => `${file}: ${describe(issue)}`).join('; '))
  const missing = notAvailableYet(parsed.data)
  if (missing) throw new ServiceLoadError(`${file}: ${missing}`)
  return parsed.data
}

function describe(issue: { code: string; path: PropertyKey[]; message: string; keys?: string[] }): string {
  const path = issue.path.map(String).join('.')
  const what =
    issue.code === 'unrecognized_keys'
      ? `unrecognized key ${issue.keys?.map(key => JSON.stringify(key)).join(', ')}`
      : issue.message.replace(/^Invalid input: /, '')
  return path ? `${path}: ${what}` : what
}

/** What the schema already knows but this version cannot do is refused, never ignored. */
function notAvailableYet(definition: ServiceDefinition): string | undefined {
  const { accelerator, auth, batching } = definition
  const others = accelerator.executionProviders.filter(provider => provider !== 'cpu')
  if (auth.mode === 'token') return 'not available yet: auth.mode "token"'
  if (others.length > 0) return `not available yet: accelerator.executionProviders other than "cpu"`
  if (batching.maxDelayMs > 0) return 'not available yet: batching.maxDelayMs other than 0'
  if (definition.stages) return 'not available yet: stages'
  if (definition.encrypted) return 'not available yet: encrypted'
  return undefined
}
