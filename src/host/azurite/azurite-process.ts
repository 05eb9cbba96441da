import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { StartupError } from '../../errors.ts'
import { v8ThreadArgs } from '../v8-threads.ts'

/** The services of Azurite, in the order of ports and URLs below. */
export const azuriteServices = ['blob', 'queue', 'table'] as const

const startTimeoutMs = 60_000
const stopTimeoutMs = 5_000
/**
 * Azurite does not notice that its parent was killed: this script, loaded into it, ends it when the IPC channel breaks. The
 * channel is unreferenced, because Azurite ends once its servers are closed.
 */
const endWithParent = "process.on('disconnect',()=>process.kill(process.pid,'SIGTERM'));process.channel.unref()"
/**
 * Blobs come and go as buffers, for which V8 would mark the whole heap, a hundred MiB, again and again. They count with the heap, and both may
 * grow threefold. Set when Azurite has read its modules, the flags do not slow its start; as arguments they would end a Node.js that does not
 * know them.
 */
const rareFlags = '--external-memory-accounted-in-global-limit --heap-growing-percent=200'
const collectRarely = `if(process.versions.v8.startsWith('13.'))setTimeout(()=>process.getBuiltinModule('node:v8').setFlagsFromString('${rareFlags}'),2000).unref()`
const preloaded = `data:text/javascript,${endWithParent};${collectRarely}`

/** Whether Azurite is installed: it is a development dependency. */
export function hasAzurite(): boolean {
  return azuriteScript() !== undefined
}

/** One process of Azurite, from its start to its end. */
export class AzuriteProcess {
  /** Loopback addresses of the services. */
  readonly urls: readonly URL[]
  /** Resolves when the process has ended, with the signal or `exit <code>`. */
  readonly ended: Promise<string>
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, urls: readonly URL[]) {
    this.#child = child
    this.urls = urls
    this.ended = once(child, 'exit').then(([code, signal]) => String(signal ?? `exit ${code}`))
  }

  /**
   * @param dataArgs  flags that say where the data is
   * @param ports     of the services; 0 picks a free one
   * @throws StartupError when Azurite does not start
   */
  static async start(dataArgs: readonly string[], ports: readonly number[]): Promise<AzuriteProcess> {
    const script = azuriteScript()
    if (!script) throw new StartupError('azurite is not installed')
    const listen = azuriteServices.flatMap((each, index) => [
      `--${each}Host`,
      '127.0.0.1',
      `--${each}Port`,
      `${ports[index]}`,
    ])
    const flags = ['--silent', '--disableTelemetry', '--skipApiVersionCheck']
    const nodeArgs = [...v8ThreadArgs(availableParallelism()), '--import', preloaded]
    const child = spawn(process.execPath, [...nodeArgs, script, ...dataArgs, ...listen, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: process.platform !== 'win32', // Ctrl-C is for the host: storage stays until the host has stopped
      windowsHide: true,
    })
    try {
      return new AzuriteProcess(child, await readUrls(child))
    } catch (error) {
      await end(child)
      throw error
    }
  }

  get pid(): number {
    return this.#child.pid as number // it has started
  }

  /** @returns whether Azurite ended on SIGTERM, or had to be killed */
  end(): Promise<'ended' | 'killed'> {
    return end(this.#child)
  }
}

function azuriteScript(): string | undefined {
  // Beside this package, or in the project, which differ when the package is linked.
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      const packageFile = createRequire(from).resolve('azurite/package.json')
      const { bin } = JSON.parse(readFileSync(packageFile, 'utf8'))
      return join(dirname(packageFile), bin.azurite)
    } catch {
      // It is not there.
    }
  }
  return undefined
}

/** Azurite prints one line per service, e.g. `Azurite Blob service successfully listening at http://127.0.0.1:40123`. */
function readUrls(child: ChildProcess): Promise<URL[]> {
  return new Promise((resolve, reject) => {
    const urls = new Map<string, URL>()
    let stderr = ''
    const fail = (why: string) => {
      clearTimeout(timer)
      reject(new StartupError(`local storage (Azurite) did not start: ${why}${stderr && `\n${stderr}`}`))
    }
    const timer = setTimeout(
      () => fail(`its services did not listen within ${startTimeoutMs / 1000} s`),
      startTimeoutMs,
    )
    child.stderr!.setEncoding('utf8').on('data', text => {
      stderr = (stderr + text).slice(-2000)
    })
    createInterface({ input: child.stdout! }).on('line', line => {
      const [, service, url] = /Azurite (\w+) service (?:is )?successfully listening at (\S+)/.exec(line) ?? []
      if (!service || !url) return
      urls.set(service.toLowerCase(), new URL(url))
      if (urls.size < azuriteServices.length) return
      clearTimeout(timer)
      resolve(azuriteServices.map(each => urls.get(each) as URL))
    })
    child.on('error', error => fail(error.message))
    child.on('exit', (code, signal) => fail(`it ended with ${signal ?? `exit code ${code}`}`))
  })
}

async function end(child: ChildProcess): Promise<'ended' | 'killed'> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return 'ended'
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await exited
  clearTimeout(timer)
  return child.signalCode === 'SIGKILL' ? 'killed' : 'ended'
}
