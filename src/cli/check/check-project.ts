import { tmpdir } from 'node:os'
import { FolderModelStore } from '../../adapters/local/folder-model-store.ts'
import { readSettings } from '../../compose/settings.ts'
import { describeUndefined } from '../../models/repository/model-store.ts'
import { check, error, type Finding, ok, warning } from '../finding.ts'
import type { Project } from '../project.ts'
import { checkHostJson, checkMain, checkSettings } from '../project-checks.ts'
import { checkTriggers } from './check-triggers.ts'

/** Checks what all services share: host.json, `main`, settings, and folders that are no services. */
export async function checkProject(project: Project): Promise<Finding[]> {
  const { root, local, environment, modelsDir } = project
  const store = new FolderModelStore(modelsDir)
  const settings = await check('settings', async () => [
    ...checkSettings(root, environment),
    ...checkDefaultService(environment, await store.listServices()),
    ...local.warnings.map(message => warning('settings', message)),
  ])
  const undefinedNames = await store.listUndefined()
  return [
    ...(await check('host.json', () => checkHostJson(root))),
    ...(await check('package.json', () => checkMain(root))),
    ...(settings.length > 0 ? settings : [ok('settings', 'are valid')]),
    ...(await check('triggers', () => checkTriggers(project))),
    ...undefinedNames.map(name => warning('services', describeUndefined(name))),
  ]
}

function checkDefaultService(environment: NodeJS.ProcessEnv, services: readonly string[]): Finding[] {
  const { defaultService } = readSettings(environment, { appRoot: '', processorCount: 1, temporaryDir: tmpdir() })
  if (defaultService === undefined || services.includes(defaultService)) return []
  return [
    error(
      'settings',
      `SCORING_DEFAULT_SERVICE is "${defaultService}", and there is no such service; there are: ${services.join(', ')}`,
    ),
  ]
}
