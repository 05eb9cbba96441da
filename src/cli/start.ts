import { join, resolve } from 'node:path'
import { hasAzurite } from '../host/azurite/azurite-process.ts'
import { damageAdvice, type LocalStorage, startAzurite, usesLocalStorage } from '../host/azurite/local-storage.ts'
import type { Listening } from '../host/host-process.ts'
import { readCertificate } from '../host/http/certificate.ts'
import { superviseHost } from '../host/supervisor.ts'
import { printFirstRequest } from './first-request.ts'
import { openProject, type ProjectOptions } from './project.ts'
import { UsageError } from './usage-error.ts'

export interface StartOptions extends ProjectOptions {
  readonly port?: number
  readonly address?: string
  readonly cert?: string
  readonly key?: string
  readonly verbose?: boolean
}

const defaultPort = 7071

/**
 * Starts storage and the host, lists the functions, and waits until the host ends.
 *
 * @returns the exit code
 * @throws UsageError or StartupError for what the user can fix
 */
export async function start(options: StartOptions): Promise<number> {
  const certificate = readCertificatePaths(options)
  const { root, local, environment } = openProject(options)
  for (const warning of local.warnings) console.error(warning)
  const port = options.port ?? local.port ?? defaultPort

  const storage = await startStorage(environment, root)
  if (storage) environment.AzureWebJobsStorage = storage.connectionString
  try {
    return await superviseHost({
      entry: new URL(
        import.meta.url.endsWith('.ts') ? '../host/host-process.ts' : './host-process.cjs',
        import.meta.url,
      ),
      args: [
        ...['--app', root, '--no-local-settings', '--address', options.address ?? local.address ?? '127.0.0.1'],
        ...(certificate ? ['--cert', certificate.cert, '--key', certificate.key] : []),
        ...(options.verbose ? ['--verbose'] : []),
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
        printFirstRequest({ url: listening.url, appRoot: root, hasVault, certPath: certificate?.cert }).catch(() => {
          // The host has ended meanwhile, which the supervisor reports.
        })
      },
      log: line => console.error(line),
    })
  } finally {
    await storage?.stop()
  }
}

function readCertificatePaths({ cert, key }: StartOptions) {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined)
    throw new UsageError(cert === undefined ? '--key needs --cert' : '--cert needs --key')
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
