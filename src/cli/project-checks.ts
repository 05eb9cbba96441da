/** What of a project has to be right on this machine and in Azure alike. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { unknownSettings } from '../compose/environment.ts'
import { readSettings } from '../compose/settings.ts'
import { readHostJson } from '../host/host-json.ts'
import { error, type Finding, ok, warning } from './finding.ts'

export function checkHostJson(root: string): Finding[] {
  const { routePrefix, queues } = readHostJson(root, { isDevelopment: true, processorCount: 1 })
  const findings: Finding[] = []
  if (routePrefix !== '') {
    findings.push(
      warning(
        'host.json',
        `extensions.http.routePrefix is "${routePrefix}", so all addresses begin with /${routePrefix}; "" gives those of Azure Machine Learning`,
      ),
    )
  }
  if (queues.messageEncoding !== 'none') {
    findings.push(
      warning(
        'host.json',
        `extensions.queues.messageEncoding is "${queues.messageEncoding}", and batch jobs need "none"`,
      ),
    )
  }
  return findings.length > 0 ? findings : [ok('host.json', 'is valid')]
}

/** Azure and this host load the file that `main` in package.json names. */
export async function checkMain(root: string): Promise<Finding[]> {
  const { main } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  if (typeof main !== 'string')
    return [error('package.json', '"main" is missing, which names the file of the functions')]
  if (existsSync(join(root, main))) return [ok('package.json', `main is ${main}`)]
  return [
    error(
      'package.json',
      `main is ${main}, which does not exist: run "npm install", or "npm run build" in this repository`,
    ),
  ]
}

export function checkSettings(root: string, environment: NodeJS.ProcessEnv): Finding[] {
  readSettings(environment, { appRoot: root, processorCount: 1, temporaryDir: '' })
  return unknownSettings(environment).map(name => warning('settings', `${name} is no setting, and has no effect`))
}
