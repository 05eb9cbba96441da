import { mkdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { StartupError } from '../../errors.ts'
import { isByIdentity } from '../app/binding-settings.ts'
import { AzuriteProcess, azuriteServices } from './azurite-process.ts'
import { lockFolder } from './folder-lock.ts'
import { freePorts, keepConnectionString, listPorts, type StoragePorts, wellKnownPorts } from './storage-ports.ts'

/** Storage for this machine only. */
export interface LocalStorage {
  readonly connectionString: string
  /** Whether the ports are those of `UseDevelopmentStorage=true`. */
  readonly hasWellKnownPorts: boolean
  /** Whether the data is still there after the next start. */
  readonly isPersistent: boolean
  /** @returns whether Azurite ended on SIGTERM, or had to be killed */
  stop(): Promise<'ended' | 'killed'>
}

interface LocalStorageOptions {
  /** File with the connection string: its ports are used again, unless the well-known ones are free; without it, ports are any free ones. */
  readonly keptIn?: string
  /** Takes each process of Azurite when it has started. */
  readonly onStart?: (pid: number) => void
}

/** Azurite's account, which is the same everywhere and published in its documentation. */
const account = 'devstoreaccount1'
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

/** The delay before a restart doubles from the first value up to the other. */
const firstRetryDelayMs = 200
const maxRetryDelayMs = 10_000

/**
 * Whether the app is to use local storage.
 *
 * @param environment  with the values of local.settings.json
 */
export function usesLocalStorage(environment: NodeJS.ProcessEnv): boolean {
  const { AzureWebJobsStorage } = environment
  if (!AzureWebJobsStorage) return !isByIdentity('AzureWebJobsStorage', environment)
  return /^\s*UseDevelopmentStorage=true;?\s*$/i.test(AzureWebJobsStorage)
}

/** Advice for damaged files: Azurite's own message names no file. */
export function damageAdvice(folder: string): string {
  return `If its files in ${folder} are damaged, delete that folder: the batch jobs in it are lost, with their inputs and results.`
}

/**
 * Starts Azurite on loopback ports, and restarts it on the same ports when it dies, so that the connection string stays valid.
 *
 * @param location  folder for the data; when another host uses it, the data is in memory only
 * @param log       takes a line when Azurite has died, and when it is running again
 * @throws StartupError when Azurite does not start the first time, or the folder cannot be created
 */
export async function startAzurite(
  location: string,
  log: (line: string) => void,
  { keptIn, onStart }: LocalStorageOptions = {},
): Promise<LocalStorage> {
  makeFolder(location)
  const lock = await lockFolder(location) // two processes would damage each other's files
  const dataArgs = lock ? ['--location', location] : ['--inMemoryPersistence']
  const supervisor = new AzuriteSupervisor({
    ...{ dataArgs, onStart, log },
    advice: lock ? damageAdvice(location) : undefined,
  })
  try {
    // Storage in memory must not take the ports from that with the data.
    await startOnFirst(lock && keptIn ? await listPorts(keptIn) : [freePorts], supervisor)
  } catch (error) {
    lock?.release()
    throw error
  }
  const stop = async () => {
    const how = await supervisor.stop()
    lock?.release()
    return how
  }
  const connectionString = buildConnectionString(supervisor.urls)
  if (lock && keptIn) await keepConnectionString(keptIn, connectionString)
  const hasWellKnownPorts = supervisor.ports.every((port, index) => port === wellKnownPorts[index])
  return { connectionString, hasWellKnownPorts, isPersistent: lock !== undefined, stop }
}

async function startOnFirst([ports = freePorts, ...others]: StoragePorts[], supervisor: AzuriteSupervisor) {
  try {
    await supervisor.start(ports)
  } catch (failure) {
    const isTaken = /EADDRINUSE|EACCES/.test((failure as Error).message) // another program was faster, or Windows keeps the port
    if (!isTaken || others.length === 0) throw failure
    await startOnFirst(others, supervisor)
  }
}

/** @throws StartupError */
function makeFolder(location: string): void {
  try {
    mkdirSync(location, { recursive: true })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new StartupError(`local storage (Azurite) did not start: folder ${location} cannot be created (${code})`, {
      cause,
    })
  }
}

interface SupervisorOptions {
  readonly dataArgs: readonly string[]
  readonly onStart: LocalStorageOptions['onStart']
  /** For a user whose storage does not start again. */
  readonly advice: string | undefined
  readonly log: (line: string) => void
}

/** Keeps one Azurite running on the same ports. */
class AzuriteSupervisor {
  urls: readonly URL[] = []
  readonly #options: SupervisorOptions
  readonly #stopping = new AbortController()
  #process: AzuriteProcess | undefined
  #restart: Promise<void> = Promise.resolve()

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  get ports(): number[] {
    return this.urls.map(({ port }) => Number(port))
  }

  async start(ports: readonly number[]): Promise<void> {
    const { dataArgs, onStart } = this.#options
    const started = await AzuriteProcess.start(dataArgs, ports)
    onStart?.(started.pid)
    this.#process = started
    this.urls = started.urls
    started.ended.then(how => {
      if (!this.#stopping.signal.aborted) this.#restart = this.#restartAfter(how)
    })
  }

  async stop(): Promise<'ended' | 'killed'> {
    this.#stopping.abort()
    await this.#restart
    return (await this.#process?.end()) ?? 'ended'
  }

  async #restartAfter(how: string): Promise<void> {
    const { dataArgs, advice, log } = this.#options
    const loss = dataArgs.includes('--location') ? 'writes of its last seconds may be lost' : 'its data is lost'
    log(`Local storage (Azurite) ended (${how}), and ${loss}. Restarting it.`)
    const { ports } = this
    for (let delayMs = firstRetryDelayMs; ; delayMs = Math.min(maxRetryDelayMs, delayMs * 2)) {
      // The wait ends early when the host stops.
      await delay(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => {})
      if (this.#stopping.signal.aborted) return
      try {
        await this.start(ports)
        log('Local storage (Azurite) is running again.')
        return
      } catch (error) {
        log([(error as Error).message, advice, 'Trying again.'].filter(Boolean).join('\n'))
      }
    }
  }
}

function buildConnectionString(urls: readonly URL[]): string {
  const endpoints = azuriteServices.map((each, index) => {
    const name = each.charAt(0).toUpperCase() + each.slice(1)
    return `${name}Endpoint=${urls[index]?.origin}/${account};`
  })
  return `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${accountKey};${endpoints.join('')}`
}
