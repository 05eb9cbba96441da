import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDefinition } from '../../models/definition/parse-definition.ts'
import type { DeclaredTriggers } from '../../models/definition/plan-triggers.ts'
import { serviceNamePattern } from '../../models/definition/service-name.ts'

/**
 * Reads the triggers of all services in a folder, at once: functions are registered while the app is being loaded, which waits for
 * nothing. A service that cannot be read has none; the start of the app says why it cannot.
 */
export function readDeclaredTriggers(modelsDir: string): DeclaredTriggers[] {
  let names: string[]
  try {
    names = readdirSync(modelsDir).sort()
  } catch {
    return [] // the start of the app says so
  }
  return names.flatMap(service => {
    if (!serviceNamePattern.test(service)) return [] // there will never be such a service, and its messages would become poison
    try {
      const text = readFileSync(join(modelsDir, service, 'service.json'), 'utf8')
      // Most services have no triggers, and their definition is parsed when the app starts.
      if (!text.includes('"triggers"') && !text.includes('"jobs"')) return []
      const { triggers, jobs } = parseDefinition(`${service}/service.json`, text)
      return [{ service, triggers, jobs }]
    } catch {
      return []
    }
  })
}
