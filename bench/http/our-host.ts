import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { v8ThreadArgs } from '../../src/host/v8-threads.ts'
import { benchDir, cacheDir, rootDir } from '../cache.ts'
import type { ServerCommand } from './server-process.ts'

const appDir = join(cacheDir, 'app')
const emptyAppDir = join(cacheDir, 'empty-app')
const servicesDir = join(cacheDir, 'services')
const hostProcess = join(appDir, 'dist', 'host-process.cjs')
const azureHost = join(cacheDir, 'azure-host', 'azure-host.mjs')

/**
 * Builds, and copies what runs to the cache: other work in the checkout does not disturb the measurement, and the keys
 * of the bench's services stay out of the developer's own.
 *
 * @param isBuilt  take the copy that an earlier run left
 */
export async function prepareApps(isBuilt: boolean): Promise<void> {
  if (!isBuilt) {
    await promisify(execFile)(process.execPath, ['build.ts'], { cwd: rootDir })
    await rm(join(appDir, 'dist'), { recursive: true, force: true })
    await cp(join(rootDir, 'dist'), join(appDir, 'dist'), { recursive: true })
  }
  await writeManifest(appDir, 'dist/functions.cjs')
  await build({
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    external: ['@azure/functions-core'],
    entryPoints: [join(benchDir, 'http', 'servers', 'empty-app.ts')],
    outfile: join(emptyAppDir, 'main.cjs'),
    logLevel: 'warning',
  })
  // As TypeScript, Node.js would strip it at each start.
  await build({
    ...{ bundle: true, platform: 'node', target: 'node22', format: 'esm', logLevel: 'warning' },
    entryPoints: [join(rootDir, 'test/support/azure-host.ts')],
    outfile: azureHost,
  })
  await writeManifest(emptyAppDir, 'main.cjs')
}

async function writeManifest(dir: string, main: string): Promise<void> {
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'package.json'), JSON.stringify({ name: 'bench-app', private: true, main }))
  await cp(join(rootDir, 'host.json'), join(dir, 'host.json'))
}

/**
 * Puts a service alone in a folder of services, so that it is the one behind `/score`.
 *
 * @param source  folder with service.json and what belongs to it
 * @param models  further files, by their path in the service
 * @param definition  what replaces members of its service.json
 * @returns the folder for SCORING_MODELS
 */
export async function prepareService(
  name: string,
  source: string,
  models: Record<string, string>,
  definition: object = {},
): Promise<string> {
  const services = join(servicesDir, name)
  await rm(services, { recursive: true, force: true })
  await addService(services, name, source, models, definition)
  return services
}

/** Puts a service in a folder of services, beside others. */
export async function addService(
  services: string,
  name: string,
  source: string,
  models: Record<string, string>,
  definition: object,
): Promise<void> {
  const folder = join(services, name)
  await cp(source, folder, { recursive: true })
  const own = JSON.parse(await readFile(join(folder, 'service.json'), 'utf8')) as object
  await writeFile(join(folder, 'service.json'), JSON.stringify({ ...own, ...definition }))
  for (const [path, file] of Object.entries(models)) {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await symlink(file, join(folder, path))
  }
}

/** Our app on the embedded host. */
export function ourHost(modelsDir: string, env: NodeJS.ProcessEnv = {}): ServerCommand {
  return hostCommand(appDir, { SCORING_MODELS: modelsDir, ...env })
}

/** Our app behind the double of Azure's host that the tests have. */
export function ourAzureHost(modelsDir: string, env: NodeJS.ProcessEnv = {}): ServerCommand {
  const { command, env: own } = ourHost(modelsDir, { AzureWebJobsStorage: '', SCORING_WATCH: 'off', ...env })
  return { command, args: [azureHost, appDir], ...(own && { env: own }) }
}

/** The same host with an app that does nothing. */
export function emptyHost(): ServerCommand {
  return hostCommand(emptyAppDir, {})
}

function hostCommand(app: string, env: NodeJS.ProcessEnv): ServerCommand {
  return {
    command: process.execPath,
    // As `scoring start` does.
    args: [...v8ThreadArgs(availableParallelism()), hostProcess, '--app', app, '--port', '0'],
    env: {
      AZURE_FUNCTIONS_ENVIRONMENT: 'Development', // for keys in a file
      ...{ SCORING_SERVER_TIMING: 'off', SCORING_METRICS: 'off', SCORING_LOG: 'off' }, // as it is deployed
      ...{ KEY_VAULT_URL: '', SCORING_DEFAULT_SERVICE: '' },
      ...env,
    },
  }
}

/** The key that our host made for a service when it started. */
export async function primaryKeyOf(service: string): Promise<string> {
  const keys = JSON.parse(await readFile(join(appDir, '.local', 'keys.json'), 'utf8')) as Record<
    string,
    { primary: string }
  >
  const pair = keys[service]
  if (!pair) throw new Error(`the host made no key for ${service}`)
  return pair.primary
}
