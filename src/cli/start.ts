import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { StartupError } from '../errors.ts'
import { hasAzurite } from '../host/azurite/azurite-process.ts'
import { damageAdvice, type LocalStorage, startAzurite, usesLocalStorage } from '../host/azurite/local-storage.ts'
import type { Listening } from '../host/host-process.ts'
import { readCertificate } from '../host/http/certificate.ts'
import { readLocalSettings } from '../host/local-settings.ts'
import { superviseHost } from '../host/supervisor.ts'
import { findAppRoot } from './app-root.ts'
import { printFirstRequest } from './first-request.ts'

export const startHelp = `Options of start:
  -p, --port N     port to listen on; 0 picks a free one (default: Host.LocalHttpPort in local.settings.json, or 7071)
  --address A      address to listen on (default: 127.0.0.1, this machine only)
  --models DIR     folder with the services (default: SCORING_MODELS, or models)
  --cert FILE      certificate (PEM) for HTTPS; needs --key
  --key FILE       private key (PEM) of the certificate
  --verbose        log every request`

const options = {
  port: { type: 'string', short: 'p' },
  address: { type: 'string' },
  models: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  verbose: { type: 'boolean', default: false },
  app: { type: 'string' },
} as const

const defaultPort = 7071

/**
 * Starts storage and the host, lists the functions, and waits until the host ends.
 *
 * @returns the exit code
 * @throws StartupError for what the user can fix
 */
export async function start(args: string[]): Promise<number> {
  const values = readArguments(args)
  const givenPort = readPort(values.port)
  const givenModels = readFolder(values.models)
  const certificate = readCertificatePaths(values)
  const appRoot = values.app ? resolve(values.app) : findAppRoot()

  const local = readLocalSettings(appRoot, process.env)
  for (const warning of local.warnings) console.error(warning)
  const environment: NodeJS.ProcessEnv = { ...process.env, ...local.values }
  if (givenModels !== undefined) environment.SCORING_MODELS = givenModels
  const port = givenPort ?? local.port ?? defaultPort

  const storage = await startStorage(environment, appRoot)
  if (storage) environment.AzureWebJobsStorage = storage.connectionString
  try {
    return await superviseHost({
      entry: new URL(
        import.meta.url.endsWith('.ts') ? '../host/host-process.ts' : './host-process.cjs',
        import.meta.url,
      ),
      args: [
        ...['--app', appRoot, '--no-local-settings', '--address', values.address ?? local.address ?? '127.0.0.1'],
        ...(certificate ? ['--cert', certificate.cert, '--key', certificate.key] : []),
        ...(values.verbose ? ['--verbose'] : []),
      ],
      port,
      environment,
      onListening: listening => {
        printFunctions(listening)
        // Another function app than ours has no services to show.
        if (!listening.functions.some(({ path }) => path === '/health/ready')) return
        // Azurite's key is published, so it is no secret.
        if (storage) console.log(`Connection string of the local storage: '${storage.connectionString}'\n`)
        const hasVault = Boolean(environment.KEY_VAULT_URL)
        printFirstRequest({ url: listening.url, appRoot, hasVault, certPath: certificate?.cert }).catch(() => {
          // The host has ended meanwhile, which the supervisor reports.
        })
      },
      log: line => console.error(line),
    })
  } finally {
    await storage?.stop()
  }
}

function readArguments(args: string[]) {
  try {
    return parseArgs({ args, options }).values
  } catch (cause) {
    const [line] = (cause as Error).message.split('\n')
    throw new StartupError(`${line?.replace(/\. .*$/, '')}; see --help`, { cause })
  }
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new StartupError(`--port is "${text}", and must be a number from 0 to 65535`)
  return port
}

function readFolder(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  const folder = resolve(path)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new StartupError(`--models: folder ${folder} does not exist`)
  }
  return folder
}

function readCertificatePaths({ cert, key }: { cert?: string; key?: string }) {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined)
    throw new StartupError(cert === undefined ? '--key needs --cert' : '--cert needs --key')
  readCertificate(cert, key) // reports a wrong one before anything starts
  return { cert: resolve(cert), key: resolve(key) }
}

/** Most of an app works without storage; what needs it says so when it is called. */
async function startStorage(environment: NodeJS.ProcessEnv, appRoot: string): Promise<LocalStorage | undefined> {
  if (!usesLocalStorage(environment)) return undefined
  if (!hasAzurite()) {
    console.error(
      'No local storage: azurite is not installed ("npm ci" installs it). Anything that needs storage will fail.',
    )
    return undefined
  }
  let storage: LocalStorage
  try {
    storage = await startAzurite(join(appRoot, '.local', 'azurite'), line => console.error(line))
  } catch (failure) {
    const consequence = 'Scoring works without storage; batch jobs get 503.'
    console.error(`${(failure as Error).message}\n${consequence} ${damageAdvice('.local/azurite')}`)
    environment.AzureWebJobsStorage = '' // there is no local storage for the app to find
    return undefined
  }
  if (!storage.isPersistent)
    console.error('Another host uses .local/azurite, so the storage of this one is in memory only.')
  return storage
}

/** Prints the list that `func start` prints. */
function printFunctions({ url, functions }: Listening): void {
  if (functions.length === 0) console.log('No functions found: "main" in package.json registers none.')
  else console.log('\nFunctions:\n')
  for (const { name, type, methods, path, isRunning, skipReason } of functions) {
    const trigger = path === undefined ? type : `[${methods?.join(',')}] ${url}${path}`
    const state = isRunning ? '' : skipReason ? ` (not run: ${skipReason})` : ' (not supported by this host)'
    console.log(`\t${name}: ${trigger}${state}\n`)
  }
}
