/** What of a project decides whether its services run on this machine. */
import { execFile } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { FolderModelStore } from '../../adapters/local/folder-model-store.ts'
import { KeyFile } from '../../adapters/local/key-file.ts'
import { keySecretName } from '../../auth/key-names.ts'
import { lockFolder } from '../../host/azurite/folder-lock.ts'
import { usesLocalStorage } from '../../host/azurite/local-storage.ts'
import { wellKnownPorts } from '../../host/azurite/storage-ports.ts'
import { isPortFree } from '../../host/free-port.ts'
import { readLocalSettings } from '../../host/local-settings.ts'
import { describeUndefined } from '../../models/repository/model-store.ts'
import { check, error, type Finding, ok, warning } from '../finding.ts'
import { defaultPort, isDevelopment } from '../project.ts'
import { checkHostJson, checkMain, checkSettings } from '../project-checks.ts'

/**
 * Checks a project without changing it.
 *
 * @param root    folder with the host.json
 * @param models  folder of the services, where the settings do not name it
 */
export async function checkLocalProject(root: string, models: string | undefined): Promise<Finding[]> {
  const findings = [
    ...(await check('host.json', () => checkHostJson(root))),
    ...(await check('package.json', () => checkMain(root))),
  ]
  const settingsFile = join(root, 'local.settings.json')
  let local: ReturnType<typeof readLocalSettings> | undefined
  if (existsSync(settingsFile)) {
    findings.push(
      ...(await check('settings', () => {
        local = readLocalSettings(root, process.env)
        return [ok('settings', 'local.settings.json is valid')]
      })),
    )
  } else findings.push(ok('settings', 'the first start will make local.settings.json'))
  const environment: NodeJS.ProcessEnv = {
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    ...process.env,
    ...local?.values,
  }
  const modelsDir = models ?? resolve(root, environment.SCORING_MODELS || 'models')
  const more = await Promise.all([
    check('settings', () => checkSettings(root, environment)),
    check('services', () => checkServices(modelsDir)),
    check('keys', () => checkKeys(root, environment)),
    check('git', () => checkIgnored(root)),
    check('ports', () => checkPorts(root, environment, local?.port ?? defaultPort)),
  ])
  return [...findings, ...more.flat()]
}

async function checkServices(modelsDir: string): Promise<Finding[]> {
  const store = new FolderModelStore(modelsDir)
  const names = await store.listServices()
  const undefinedNames = await store.listUndefined()
  const findings = await Promise.all(
    names.map(name =>
      check(`service ${name}`, async () => {
        await store.openService(name)
        return []
      }),
    ),
  )
  const failed = findings.flat()
  const [first = '', ...others] = names
  const list =
    others.length > 5 ? `${[first, ...others.slice(0, 4)].join(', ')} and ${others.length - 4} more` : names.join(', ')
  return [
    names.length > 0
      ? ok('services', `${names.length} in ${modelsDir}: ${list}; "npx scoring check" loads them`)
      : error('services', `none in ${modelsDir}: a service is a folder with a service.json`),
    ...failed,
    ...undefinedNames.map(name => warning('services', describeUndefined(name))),
  ]
}

async function checkKeys(root: string, environment: NodeJS.ProcessEnv): Promise<Finding[]> {
  if (environment.KEY_VAULT_URL) return [ok('keys', `in the vault ${environment.KEY_VAULT_URL}`)]
  if (!isDevelopment(environment)) return [error('keys', 'outside Development keys are in a vault: set KEY_VAULT_URL')]
  const path = join(root, '.local', 'keys.json')
  if (!existsSync(path)) return [ok('keys', 'the first start will make .local/keys.json')]
  await new KeyFile(path).fetchSecret(keySecretName('any', 'primary')) // throws if the file is damaged
  const mode = statSync(path).mode & 0o777
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    return [warning('keys', `other users can read .local/keys.json (mode ${mode.toString(8)}): chmod 600 ${path}`)]
  }
  return [ok('keys', '.local/keys.json, which only its owner can read')]
}

/** Keys and connection strings must not get into a repository. */
async function checkIgnored(root: string): Promise<Finding[]> {
  const secret = ['.local/keys.json', 'local.settings.json']
  const ignored = await new Promise<string[] | undefined>(found => {
    execFile('git', ['-C', root, 'check-ignore', ...secret], (failure, stdout) => {
      // 1: none of them is ignored; others: there is no repository, or no git.
      found(failure && failure.code !== 1 ? undefined : stdout.split('\n'))
    })
  })
  if (!ignored) return []
  const missing = secret.filter(path => !ignored.includes(path))
  return missing.length === 0
    ? [ok('git', `ignores ${secret.join(' and ')}`)]
    : [
        warning(
          'git',
          `does not ignore ${missing.join(' and ')}, which may hold secrets: add ${missing.length > 1 ? 'them' : 'it'} to .gitignore`,
        ),
      ]
}

async function checkPorts(root: string, environment: NodeJS.ProcessEnv, port: number): Promise<Finding[]> {
  if (await isRunning(root)) return [ok('ports', 'this project is running')]
  const [isFree, ...areFree] = await Promise.all([port, ...wellKnownPorts].map(isPortFree))
  const taken = wellKnownPorts.filter((_, index) => !areFree[index])
  const findings = [
    isFree
      ? ok('ports', `${port} is free`)
      : warning(
          'ports',
          `${port} is in use by another program: end it, or choose another port with "npx scoring start --port 0"`,
        ),
  ]
  if (!usesLocalStorage(environment)) return findings
  if (taken.length === 0) return [...findings, ok('ports', `${wellKnownPorts.join(', ')} are free, for local storage`)]
  return [
    ...findings,
    warning(
      'ports',
      `${taken.join(', ')} in use by another program, perhaps Azurite: local storage will have other ports`,
    ),
  ]
}

/** The host of a project locks the folder of its storage. */
async function isRunning(root: string): Promise<boolean> {
  const lock = await lockFolder(join(root, '.local', 'azurite'))
  lock?.release()
  return lock === undefined
}
