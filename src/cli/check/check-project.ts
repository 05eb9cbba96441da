import { tmpdir } from 'node:os'
import { FolderModelStore } from '../../adapters/local/folder-model-store.ts'
import { readSettings, unknownSettings } from '../../compose/settings.ts'
import { StartupError } from '../../errors.ts'
import { readHostJson } from '../../host/host-json.ts'
import type { Project } from '../project.ts'
import { error, type Finding, ok, warning } from './finding.ts'

/** Checks what all services share: host.json, settings, and folders that are no services. */
export async function checkProject(project: Project): Promise<Finding[]> {
  const { root, local, environment, modelsDir } = project
  const store = new FolderModelStore(modelsDir)
  const services = await store.listServices()
  const findings: Finding[] = [
    attempt('host.json', () => {
      const { routePrefix } = readHostJson(root, { isDevelopment: true, processorCount: 1 })
      return ok('host.json', routePrefix === '' ? 'valid' : `valid; routes begin with /${routePrefix}`)
    }),
    attempt('settings', () => {
      const { defaultService } = readSettings(environment, { appRoot: root, processorCount: 1, temporaryDir: tmpdir() })
      if (defaultService !== undefined && !services.includes(defaultService))
        return error(
          'settings',
          `SCORING_DEFAULT_SERVICE is "${defaultService}", and there is no such service; there are: ${services.join(', ')}`,
        )
      return ok('settings', 'valid')
    }),
    ...unknownSettings(environment).map(name =>
      warning(
        'settings',
        `${name} has no effect: there is no such setting; correct its name or remove it (guide/settings.md)`,
      ),
    ),
    ...local.warnings.map(text => warning('settings', text)),
  ]
  for (const name of await store.listUndefined())
    findings.push(
      warning(
        'models',
        `"${name}" has a model and is not served, because it lacks a service.json; write one ({} is enough), or remove the folder`,
      ),
    )
  return findings
}

function attempt(topic: string, check: () => Finding): Finding {
  try {
    return check()
  } catch (failure) {
    if (!(failure instanceof StartupError)) throw failure
    return error(topic, failure.message)
  }
}
