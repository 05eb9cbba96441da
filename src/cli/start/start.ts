import { mkdirSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { KeyFile } from '../../adapters/local/key-file.ts'
import { keySecretName } from '../../auth/key-names.ts'
import { StartupError } from '../../errors.ts'
import { hasAzurite } from '../../host/azurite/azurite-process.ts'
import { damageAdvice, type LocalStorage, startAzurite, usesLocalStorage } from '../../host/azurite/local-storage.ts'
import { isPortFree } from '../../host/free-port.ts'
import { readCertificate } from '../../host/http/certificate.ts'
import type { Listening } from '../../host/serve-app.ts'
import { superviseHost } from '../../host/supervisor.ts'
import { recordAppAddress } from '../../workspace/app-address.ts'
import { logFile } from '../../workspace/logs.ts'
import { readVersion } from '../manifest.ts'
import { defaultPort, isDevelopment, openProject, type Project, type ProjectOptions } from '../project.ts'
import { openTerminal } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'
import { chooseExample, describeCurl, type Example } from './first-request.ts'
import { type ServiceStates, waitForServices } from './readiness.ts'
import { describeStart, listRepeatedLines, type StartFacts } from './start-screen.ts'
import { watchNpm } from './starter.ts'

export interface StartOptions extends ProjectOptions {
  readonly port?: number
  readonly grpcPort?: number
  readonly address?: string
  readonly cert?: string
  readonly key?: string
  readonly watch?: boolean
  /** Port of the inspector; true: its usual one. */
  readonly inspect?: number | true
  readonly verbose?: boolean
}

const readinessTimeoutMs = 10_000
/** Services that load for longer do not hold back the keys and the request of those that are ready. */
const maxLoadWaitMs = 5000

/**
 * Starts storage and the host, shows what runs, and waits until the host ends.
 *
 * @returns the exit code
 * @throws UsageError or StartupError for what the user can fix
 */
export async function start(options: StartOptions): Promise<number> {
  const certificate = readCertificatePaths(options)
  const inspectPort = await chooseInspectPort(options)
  const project = openProject(options)
  const { root, local, environment } = project
  for (const warning of local.warnings) console.error(warning)
  if (options.watch === false) environment.SCORING_WATCH = 'off'
  // A terminal shows the screen; a pipe and --verbose have every line as it comes.
  const isVerbose = options.verbose ?? false
  const holdsOutput = !isVerbose && process.stdout.isTTY
  if (holdsOutput) process.stdout.write('Starting…\r') // the next line takes its place
  const stopping = new AbortController()
  watchNpm(process.env, () => stopping.abort())

  const log = prepareLog(root)
  let forgetAddress = async (): Promise<void> => {}
  const storage = await startStorage(environment, root)
  if (storage.kind === 'local') environment.AzureWebJobsStorage = storage.account.connectionString
  try {
    return await superviseHost({
      entry: new URL(
        import.meta.url.endsWith('.ts') ? '../../host/host-process.ts' : './host-process.cjs',
        import.meta.url,
      ),
      args: [
        ...['--app', root, '--no-local-settings', '--address', options.address ?? local.address ?? '127.0.0.1'],
        ...(certificate ? ['--cert', certificate.cert, '--key', certificate.key] : []),
        ...(isVerbose ? ['--verbose'] : []),
        ...(log === undefined ? [] : ['--log-file', log]),
      ],
      nodeArgs: inspectPort === undefined ? [] : [`--inspect=127.0.0.1:${inspectPort}`],
      port: options.port ?? local.port ?? defaultPort,
      grpcPort: options.grpcPort,
      environment,
      holdsOutput,
      onListening: async (listening, releaseOutput) => {
        // A read-only project runs all the same; other commands then need --url.
        forgetAddress = await recordAppAddress(root, listening.url).catch(() => forgetAddress)
        const isOurApp = listening.functions.some(({ path }) => path === '/health/ready')
        if (isVerbose || !isOurApp) printFunctions(listening)
        // Another function app than ours has no services to show.
        if (!isOurApp) return releaseOutput()
        try {
          const source = {
            url: listening.url,
            grpcPort: listening.grpcPort,
            otherMachinesUrl: urlForOthers(listening.url, options.address ?? local.address),
            certPath: certificate?.cert,
          }
          releaseOutput(await showStart(project, source, { storage, isVerbose, inspectPort }))
        } catch {
          // The host has ended meanwhile, which the supervisor reports.
        }
      },
      log: line => console.error(line),
      stopSignal: stopping.signal,
    })
  } finally {
    await forgetAddress()
    if (storage.kind === 'local') await storage.account.stop()
  }
}

/** Begins a new log. @returns undefined in a project that cannot be written */
function prepareLog(root: string): string | undefined {
  const path = logFile(root)
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, '', { mode: 0o600 })
    return path
  } catch {
    return undefined
  }
}

function readCertificatePaths({ cert, key }: StartOptions) {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined)
    throw new UsageError(cert === undefined ? '--key needs --cert' : '--cert needs --key')
  readCertificate(cert, key) // reports a wrong one before anything starts
  return { cert: resolve(cert), key: resolve(key) }
}

const usualInspectPort = 9229

/** @returns undefined: no debugger can attach */
async function chooseInspectPort({ inspect }: StartOptions): Promise<number | undefined> {
  if (inspect === undefined) return undefined
  const port = inspect === true ? usualInspectPort : inspect
  // Node.js would end the host again and again.
  if (port !== 0 && !(await isPortFree(port)))
    throw new StartupError(`--inspect: port ${port} is in use; choose another, e.g. --inspect=0 for any free one`)
  return port
}

type Storage =
  | { readonly kind: 'local'; readonly account: LocalStorage }
  /** The settings name an account. */
  | { readonly kind: 'account' }
  | { readonly kind: 'none' }

/** Most of an app works without storage; what needs it says so when it is called. */
async function startStorage(environment: NodeJS.ProcessEnv, appRoot: string): Promise<Storage> {
  if (!usesLocalStorage(environment)) return { kind: 'account' }
  if (!hasAzurite()) {
    console.error(
      'There is no local storage, because azurite is not installed; batch jobs get 503. To install it: npm install --save-dev azurite',
    )
    return { kind: 'none' }
  }
  try {
    const keptIn = join(appRoot, connectionStringFile)
    const account = await startAzurite(join(appRoot, '.local', 'azurite'), line => console.error(line), keptIn)
    return { kind: 'local', account }
  } catch (failure) {
    const consequence = 'Scoring works without storage; batch jobs get 503.'
    console.error(`${(failure as Error).message}\n${consequence} ${damageAdvice('.local/azurite')}`)
    environment.AzureWebJobsStorage = '' // there is no local storage for the app to find
    return { kind: 'none' }
  }
}

const connectionStringFile = '.local/storage-connection-string'

function describeStorage(storage: Storage): string {
  if (storage.kind === 'account') return 'the account in AzureWebJobsStorage'
  if (storage.kind === 'none') return 'none, so batch jobs get 503'
  const { isPersistent, hasWellKnownPorts } = storage.account
  if (!isPersistent) return 'in memory only, because another process uses .local/azurite'
  if (hasWellKnownPorts) return '.local/azurite (connection string UseDevelopmentStorage=true)'
  return `.local/azurite (ports 10000-10002 are in use; connection string in ${connectionStringFile})`
}

interface ShowOptions {
  readonly storage: Storage
  readonly isVerbose: boolean
  readonly inspectPort: number | undefined
}

/**
 * Waits for the services and prints the start screen.
 *
 * @returns how lines of the log begin that the screen repeats
 * @throws Error when the host is gone; when it only does not respond, one line says so
 */
async function showStart(
  project: Project,
  source: {
    readonly url: string
    readonly grpcPort: number | undefined
    readonly otherMachinesUrl: string | undefined
    readonly certPath: string | undefined
  },
  { storage, isVerbose, inspectPort }: ShowOptions,
): Promise<string[]> {
  const services = await waitForServices({ ...source, timeoutMs: readinessTimeoutMs, maxLoadWaitMs })
  if (!services) {
    console.error(
      `/health/ready did not respond within ${readinessTimeoutMs / 1000} s, so neither services nor a request are shown.`,
    )
    return []
  }
  const { root, environment, modelsDir } = project
  const hasVault = Boolean(environment.KEY_VAULT_URL)
  const localKeys = hasVault ? undefined : await readLocalKeys(root, services)
  const example = await chooseExample(services, modelsDir)
  const facts: StartFacts = {
    version: readVersion(),
    url: source.url,
    grpcPort: source.grpcPort,
    otherMachinesUrl: source.otherMachinesUrl,
    services,
    localKeys,
    storage: describeStorage(storage),
    isWatching: environment.SCORING_WATCH !== 'off' && isDevelopment(environment),
    isDevelopment: isDevelopment(environment),
    inspectPort,
    request: example && {
      ...example,
      curl: await describeCurl(example, {
        ...source,
        modelsDir,
        workingDir: process.cwd(),
        credential: findCredential(example, services, localKeys),
      }),
    },
  }
  const terminal = openTerminal()
  // Azurite's key is published, so it is no secret.
  if (isVerbose && storage.kind === 'local')
    console.log(`Connection string of the local storage: '${storage.account.connectionString}'\n`)
  // A pipe has lines of the log before it.
  console.log(`${process.stdout.isTTY && !isVerbose ? '' : '\n'}${describeStart(facts, terminal)}\n`)
  return listRepeatedLines(facts, terminal)
}

/** A host that listens on all addresses has the name of the machine for others. */
function urlForOthers(url: string, address: string | undefined): string | undefined {
  if (address !== '0.0.0.0' && address !== '::') return undefined
  const other = new URL(url)
  other.hostname = hostname()
  return other.origin
}

async function readLocalKeys(root: string, services: ServiceStates): Promise<Map<string, string>> {
  const file = new KeyFile(join(root, '.local', 'keys.json'))
  const keys = new Map<string, string>()
  for (const name of Object.keys(services)) {
    const secret = await file.fetchSecret(keySecretName(name, 'primary')).catch(() => undefined)
    if (secret) keys.set(name, secret.value)
  }
  return keys
}

/** What stands after `Bearer` in the request to try; undefined: nothing is needed. */
function findCredential(
  { service }: Example,
  services: ServiceStates,
  localKeys: ReadonlyMap<string, string> | undefined,
): string | undefined {
  const auth = services[service]?.auth
  if (auth === 'none') return undefined
  return auth === 'token' ? '<token>' : (localKeys?.get(service) ?? '<key>')
}

/** Prints the list that `func start` prints. */
function printFunctions({ url, grpcPort, functions }: Listening): void {
  if (functions.length === 0) console.log('No functions found: "main" in package.json registers none.')
  else console.log('\nFunctions:\n')
  for (const { name, type, methods, path, isRunning, skipReason } of functions) {
    const trigger = path === undefined ? type : `[${methods?.join(',')}] ${url}${path}`
    const state = isRunning ? '' : skipReason ? ` (not run: ${skipReason})` : ' (not supported by this host)'
    console.log(`\t${name}: ${trigger}${state}\n`)
  }
  if (grpcPort !== undefined) console.log(`Port ${grpcPort} takes the same requests.\n`)
}
