import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface HostOptions {
  /** Folder of the built app. */
  readonly appRoot: string
  readonly environment: Readonly<Record<string, string>>
  /** Whether it runs below the supervisor, which starts a dead host again and hands its messages to the next one. */
  readonly isSupervised: boolean
}

/** What of a host is killed. */
export type Part = 'host' | 'supervisor'

/** A host that is started again as soon as it has died, by its supervisor or else from here. */
export class Host {
  readonly #options: HostOptions
  #child: ChildProcess | undefined
  /** Of the process that runs the app, which is a child of the supervisor. */
  #pid: number | undefined
  /** All processes of hosts, which may live on after their supervisor for a moment. */
  readonly #pids = new Set<number>()
  #url = Promise.withResolvers<string>()
  #ended: Promise<void> = Promise.resolve()
  #isStopping = false
  #text = ''
  deaths = 0

  constructor(options: HostOptions) {
    this.#options = options
  }

  /** Its address, once it lives, or lives again. */
  get url(): Promise<string> {
    return this.#url.promise
  }

  /** What it has printed last. */
  get output(): string {
    return this.#text
  }

  /** @returns its address */
  start(): Promise<string> {
    const { appRoot, environment, isSupervised } = this.#options
    const script = isSupervised
      ? [new URL('supervised-host.ts', import.meta.url).pathname, appRoot]
      : [...preload, 'dist/host-process.cjs', '--app', appRoot, '--port', '0']
    const child = spawn(process.execPath, script, {
      cwd: appRoot,
      env: { PATH: process.env.PATH, AZURE_FUNCTIONS_ENVIRONMENT: 'Development', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', line => this.#read(line, child))
    this.#ended = new Promise(resolve => child.on('exit', () => resolve()))
    child.on('exit', (code, signal) => {
      if (this.#isStopping) return this.#url.resolve(nowhere)
      this.#read(`--- ended with ${signal ?? code}`, child)
      this.deaths++
      this.#pid = undefined
      const before = this.#url
      this.#url = Promise.withResolvers()
      this.#url.promise.then(before.resolve)
      this.start()
    })
    return this.url
  }

  /** kill -9 at any instruction. */
  kill(part: Part): void {
    if (part === 'supervisor' && this.#options.isSupervised) this.#child?.kill('SIGKILL')
    else this.signal('SIGKILL')
  }

  /** To the process that runs the app; it is heard by none while that starts. */
  signal(signal: NodeJS.Signals): void {
    if (this.#pid !== undefined) trySignal(this.#pid, signal)
  }

  /** @returns how many processes did not end, and were killed */
  async stop(): Promise<number> {
    this.#isStopping = true
    for (const pid of this.#pids) trySignal(pid, 'SIGCONT')
    this.#child?.kill('SIGTERM')
    const until = Date.now() + 15_000
    const isAlive = () => [...this.#pids].filter(pid => trySignal(pid, 0))
    while (isAlive().length > 0 && Date.now() < until) await new Promise(resolve => setTimeout(resolve, 50))
    const left = isAlive()
    for (const pid of left) trySignal(pid, 'SIGKILL')
    this.#child?.kill('SIGKILL')
    await this.#ended
    return left.length
  }

  /** @param child  that has printed the line, or whose host has: such a host may outlive its supervisor for a moment */
  #read(line: string, child: ChildProcess): void {
    this.#text = `${this.#text}${line}\n`.slice(-20_000)
    const [, pid, url, crash] = /^chaos: process (\d+)|Listening on (\S+)|(The host crashed)/.exec(line) ?? []
    if (pid !== undefined) {
      for (const other of this.#pids) if (!trySignal(other, 0)) this.#pids.delete(other)
      this.#pids.add(Number(pid))
    }
    if (child !== this.#child) return
    if (pid !== undefined) this.#pid = Number(pid)
    if (url !== undefined) this.#url.resolve(url)
    if (crash === undefined) return
    this.deaths++
    this.#pid = undefined
  }
}

const preload = ['--import', new URL('host-preload.ts', import.meta.url).href]
const nowhere = 'http://127.0.0.1:9'

/** @returns false: there is no such process */
function trySignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
