import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

const services: readonly string[] = ['Blob', 'Queue', 'Table']
/** Published in Azurite's documentation. */
const account = 'devstoreaccount1'
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

/**
 * Azurite on a folder, which can be killed and starts again on it. What it has answered is kept, as a storage account keeps it; what
 * it was doing is done, half done or not done.
 */
export class StorageProcess {
  readonly #folder: string
  readonly #ports: number[] = [0, 0, 0]
  #child: ChildProcess | undefined
  /** How often it was killed. */
  deaths = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  get connectionString(): string {
    const endpoints = services.map((each, at) => `${each}Endpoint=http://127.0.0.1:${this.#ports[at]}/${account};`)
    return `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${accountKey};${endpoints.join('')}`
  }

  async start(): Promise<void> {
    const packageFile = createRequire(import.meta.url).resolve('azurite/package.json')
    const listen = services.flatMap((each, at) => [`--${each.toLowerCase()}Port`, String(this.#ports[at])])
    const child = spawn(
      process.execPath,
      [
        ...['--import', new URL('storage-preload.ts', import.meta.url).href],
        ...[join(dirname(packageFile), 'dist/src/azurite.js'), '--location', this.#folder, ...listen],
        ...['--silent', '--disableTelemetry', '--skipApiVersionCheck'],
      ],
      { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
    )
    this.#child = child
    let text = ''
    child.stderr?.on('data', piece => {
      text = (text + piece).slice(-2000)
    })
    let listening = 0
    for await (const line of createInterface({ input: child.stdout! })) {
      const [, service, port] = /Azurite (\w+) service .*listening at \S+:(\d+)/.exec(line) ?? []
      if (service === undefined) continue
      this.#ports[services.indexOf(service)] = Number(port)
      if (++listening === services.length) break
    }
    if (listening < services.length) throw new Error(`Azurite did not start: ${text}`)
    child.stdout?.resume()
  }

  /** kill -9 at any instant, and a new process after a while. */
  async kill(awayMs: number): Promise<void> {
    const child = this.#child as ChildProcess
    const ended = once(child, 'exit')
    child.send('die')
    await ended
    this.deaths++
    await delay(awayMs)
    await this.start()
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}
