import { type ChildProcess, spawn } from 'node:child_process'
import type { Dice } from './dice.ts'

export interface HostsOptions {
  readonly count: number
  /** Folder of the built app. */
  readonly appRoot: string
  readonly environment: Readonly<Record<string, string>>
}

/** Several host processes over one storage, each started again as soon as it has died. */
export class Hosts {
  readonly #options: HostsOptions
  readonly #hosts: Host[] = []
  #isStopping = false
  /** How many died, by cause. */
  readonly deaths = { killed: 0, crashed: 0 }
  pauses = 0

  constructor(options: HostsOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    for (let index = 0; index < this.#options.count; index++) this.#spawn(index)
    await Promise.all(this.#hosts.map(({ url }) => url))
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(
      this.#hosts.map(async ({ child, ended }) => {
        child.kill('SIGCONT')
        child.kill('SIGTERM')
        const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
        await ended
        clearTimeout(timer)
      }),
    )
  }

  /** The address of one that lives, or lives again. */
  async anyUrl(dice: Dice): Promise<string> {
    return await dice.oneOf(this.#hosts).url
  }

  /** kill -9 at any instruction. */
  kill(dice: Dice): void {
    const { child } = dice.oneOf(this.#hosts)
    child.kill('SIGKILL')
  }

  /** Stands still while its messages come back to others, then goes on as if nothing had happened. */
  async pause(dice: Dice, ms: number): Promise<void> {
    const { child } = dice.oneOf(this.#hosts)
    this.pauses++
    child.kill('SIGSTOP')
    await new Promise(resolve => setTimeout(resolve, ms))
    child.kill('SIGCONT')
  }

  /** What they printed last. */
  get output(): string {
    return this.#hosts.map(({ index, lines }) => `--- host ${index}\n${lines()}`).join('\n')
  }

  #spawn(index: number, before = ''): void {
    const { appRoot, environment } = this.#options
    const child = spawn(process.execPath, ['dist/host-process.cjs', '--app', appRoot, '--port', '0'], {
      cwd: appRoot,
      env: { PATH: process.env.PATH, AZURE_FUNCTIONS_ENVIRONMENT: 'Development', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let text = before
    const url = Promise.withResolvers<string>()
    const read = (piece: Buffer) => {
      text = (text + piece).slice(-20_000)
      const found = /Listening on (\S+)\s/.exec(text)
      if (found) url.resolve(found[1] as string)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    const ended = new Promise<void>(resolve => child.on('close', () => resolve()))
    this.#hosts[index] = { index, child, url: url.promise, ended, lines: () => text }
    child.on('exit', (code, signal) => {
      if (this.#isStopping) return url.resolve('http://127.0.0.1:9')
      this.deaths[signal === 'SIGKILL' ? 'killed' : 'crashed']++
      this.#spawn(index, `${text.replaceAll('Listening on', 'listened on')}\n--- ended with ${signal ?? code}\n`)
      this.#hosts[index]?.url.then(url.resolve)
    })
  }
}

interface Host {
  readonly index: number
  readonly child: ChildProcess
  readonly url: Promise<string>
  readonly ended: Promise<void>
  lines(): string
}
