/** What a terminal shows of an app that has started. */
import { hostname } from 'node:os'
import { join } from 'node:path'
import { KeyFile } from '../../adapters/local/key-file.ts'
import { keySecretName } from '../../auth/key-names.ts'
import type { Listening } from '../../host/serve-app.ts'
import { readVersion } from '../manifest.ts'
import { isDevelopment, type Project } from '../project.ts'
import { openTerminal } from '../terminal.ts'
import { chooseExample, describeCurl, type Example } from './first-request.ts'
import { type ServiceStates, waitForServices } from './readiness.ts'
import { describeStart, listRepeatedLines, type StartFacts } from './start-screen.ts'
import { describeStorage, type Storage } from './storage.ts'

export interface CertificatePaths {
  readonly cert: string
  readonly key: string
}

interface ShowOptions {
  readonly storage: Storage
  readonly isVerbose: boolean
  readonly inspectPort: number | undefined
  /** On which the host listens. */
  readonly address: string
  readonly certificate: CertificatePaths | undefined
}

const readinessTimeoutMs = 10_000
/** Services that load for longer do not hold back the keys and the request of those that are ready. */
const maxLoadWaitMs = 5000

/**
 * Shows the services of an app, or the functions of another app than ours.
 *
 * @returns how lines of the log begin that the screen repeats
 * @throws Error when the host is gone
 */
export async function showApp(project: Project, listening: Listening, options: ShowOptions): Promise<string[]> {
  const isOurApp = listening.functions.some(({ path }) => path === '/health/ready')
  if (options.isVerbose || !isOurApp) printFunctions(listening)
  return isOurApp ? showStart(project, listening, options) : []
}

/**
 * Waits for the services and prints the start screen.
 *
 * @returns how lines of the log begin that the screen repeats
 * @throws Error when the host is gone; when it only does not respond, one line says so
 */
async function showStart(project: Project, listening: Listening, options: ShowOptions): Promise<string[]> {
  const { storage, isVerbose, inspectPort, address, certificate } = options
  const { url, grpcPort } = listening
  const source = { url, grpcPort, otherMachinesUrl: urlForOthers(url, address), certPath: certificate?.cert }
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
    url,
    grpcPort,
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
function urlForOthers(url: string, address: string): string | undefined {
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
