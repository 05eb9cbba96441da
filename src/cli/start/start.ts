import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { availableProcessors } from '../../adapters/local/available-processors.ts'
import { StartupError } from '../../errors.ts'
import { isPortFree } from '../../host/free-port.ts'
import { readCertificate } from '../../host/http/certificate.ts'
import { superviseHost } from '../../host/supervisor.ts'
import { v8ThreadArgs } from '../../host/v8-threads.ts'
import { recordAppAddress } from '../../workspace/app-address.ts'
import { logFile } from '../../workspace/logs.ts'
import { defaultPort, openProject, type ProjectOptions } from '../project.ts'
import { UsageError } from '../usage-error.ts'
import { type CertificatePaths, showApp } from './show-app.ts'
import { watchNpm } from './starter.ts'
import { startStorage } from './storage.ts'

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

/** The bundle beside this one, or the source when run from source. */
const hostProcess = import.meta.url.endsWith('.ts') ? '../../host/host-process.ts' : './host-process.cjs'

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
  const address = options.address ?? local.address ?? '127.0.0.1'
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
      entry: new URL(hostProcess, import.meta.url),
      args: [
        ...['--app', root, '--no-local-settings', '--address', address],
        ...(certificate ? ['--cert', certificate.cert, '--key', certificate.key] : []),
        ...(isVerbose ? ['--verbose'] : []),
        ...(log === undefined ? [] : ['--log-file', log]),
      ],
      nodeArgs: [
        ...v8ThreadArgs(availableProcessors()),
        ...(inspectPort === undefined ? [] : [`--inspect=127.0.0.1:${inspectPort}`]),
      ],
      port: options.port ?? local.port ?? defaultPort,
      grpcPort: options.grpcPort,
      environment,
      holdsOutput,
      onListening: async (listening, releaseOutput) => {
        // A read-only project runs all the same; other commands then need --url.
        forgetAddress = await recordAppAddress(root, listening.url).catch(() => forgetAddress)
        const shown = showApp(project, listening, { storage, isVerbose, inspectPort, address, certificate })
        await shown.then(releaseOutput).catch(() => {}) // the host has ended meanwhile, which the supervisor reports
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

function readCertificatePaths({ cert, key }: StartOptions): CertificatePaths | undefined {
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
