import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { StartupError } from '../errors.ts'
import { takeFolder } from './folder-lock.ts'

/** Storage for this machine only. */
export interface LocalStorage {
  readonly connectionString: string
  /** Whether what is stored is still there after the next start. */
  readonly isKept: boolean
  /** @returns whether it ended when asked to, or had to be killed */
  stop(): Promise<'ended' | 'killed'>
}

/** Azurite's account, the same everywhere and published in its documentation. */
const account = 'devstoreaccount1'
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

const startMs = 60_000
const stopMs = 5_000
/**
 * Azurite has no way to notice that its parent was killed; this, loaded into it, ends it when the channel breaks. It ends
 * by itself once its servers are closed, so the channel must not keep it.
 */
const endWithParent =
  "data:text/javascript,process.on('disconnect',()=>process.kill(process.pid,'SIGTERM'));process.channel.unref()"

/** Whether the app asks for local storage; `environment` with local.settings.json in it. */
export function wantsLocalStorage({ AzureWebJobsStorage }: NodeJS.ProcessEnv): boolean {
  return !AzureWebJobsStorage || /^\s*UseDevelopmentStorage=true;?\s*$/i.test(AzureWebJobsStorage)
}

/** Whether Azurite is installed: it is a development dependency. */
export function hasAzurite(): boolean {
  return azuriteScript() !== undefined
}

/**
 * Starts Azurite on free loopback ports.
 *
 * @param location  folder for its data; when another host uses it, everything stays in memory
 * @throws StartupError when it does not start
 */
export async function startAzurite(location: string): Promise<LocalStorage> {
  const script = azuriteScript()
  if (!script) throw new StartupError('azurite is not installed')
  mkdirSync(location, { recursive: true })
  const lock = await takeFolder(location) // two of them over the same files would spoil them
  const place = lock ? ['--location', location] : ['--inMemoryPersistence']
  const ports = ['blob', 'queue', 'table'].flatMap(each => [`--${each}Host`, '127.0.0.1', `--${each}Port`, '0'])
  const flags = ['--silent', '--disableTelemetry', '--skipApiVersionCheck']
  const child = spawn(process.execPath, ['--import', endWithParent, script, ...place, ...ports, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: process.platform !== 'win32', // Ctrl-C is for the host: storage stays until it has stopped
    windowsHide: true,
  })
  try {
    const urls = await readUrls(child)
    const stop = async () => {
      const how = await end(child)
      lock?.release()
      return how
    }
    return { connectionString: connectionStringOf(urls), isKept: lock !== undefined, stop }
  } catch (error) {
    await end(child)
    lock?.release()
    throw error
  }
}

function azuriteScript(): string | undefined {
  try {
    const packageFile = createRequire(import.meta.url).resolve('azurite/package.json')
    const { bin } = JSON.parse(readFileSync(packageFile, 'utf8'))
    return join(dirname(packageFile), bin.azurite)
  } catch {
    return undefined
  }
}

/** It prints one line per service, e.g. `Azurite Blob service successfully listening at http://127.0.0.1:40123`. */
function readUrls(child: ChildProcess): Promise<Map<string, string>> {
  return new Promise((resolve, reject) => {
    const urls = new Map<string, string>()
    let complaints = ''
    const fail = (why: string) => {
      clearTimeout(timer)
      reject(new StartupError(`local storage (Azurite) did not start: ${why}${complaints && `\n${complaints}`}`))
    }
    const timer = setTimeout(() => fail(`no answer within ${startMs / 1000} s`), startMs)
    child.stderr!.setEncoding('utf8').on('data', text => {
      complaints = (complaints + text).slice(-2000)
    })
    createInterface({ input: child.stdout! }).on('line', line => {
      const [, service, url] = /Azurite (\w+) service (?:is )?successfully listening at (\S+)/.exec(line) ?? []
      if (!service || !url) return
      urls.set(service, url)
      if (urls.size < 3) return
      clearTimeout(timer)
      resolve(urls)
    })
    child.on('error', error => fail(error.message))
    child.on('exit', (code, signal) => fail(`it ended with ${signal ?? code}`))
  })
}

function connectionStringOf(urls: Map<string, string>): string {
  const endpoints = ['Blob', 'Queue', 'Table'].map(each => `${each}Endpoint=${urls.get(each)}/${account};`)
  return `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${accountKey};${endpoints.join('')}`
}

async function end(child: ChildProcess): Promise<'ended' | 'killed'> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return 'ended'
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs)
  await exited
  clearTimeout(timer)
  return child.signalCode === 'SIGKILL' ? 'killed' : 'ended'
}
