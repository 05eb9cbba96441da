import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuMillisecondsOf } from './process-cpu.ts'
import { residentMemoryMbOf } from './process-memory.ts'

export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** It answers the messages of `event-loop-gap.ts`. */
  readonly hasGapMonitor?: boolean
}

const startTimeoutMs = 60_000
const stopTimeoutMs = 5000
/** `Listening on URL` (ours), `Listening at: URL` (gunicorn), `running on URL` (uvicorn). */
const announcement = /(?:listening (?:on|at):?|running on) https?:\/\/[^\s:]+:(\d+)/i

const gapMonitor = new URL('./event-loop-gap.ts', import.meta.url).href

/** The same Node.js server, measuring its event loop meanwhile. */
export function withGapMonitor(server: ServerCommand): ServerCommand {
  return { ...server, args: ['--import', gapMonitor, ...server.args], hasGapMonitor: true }
}

/** A server under test, in its own process, on a port of its own choice. */
export class ServerProcess {
  readonly port: number
  readonly #process: ChildProcess
  readonly #hasGapMonitor: boolean

  private constructor(child: ChildProcess, port: number, hasGapMonitor: boolean) {
    this.#process = child
    this.port = port
    this.#hasGapMonitor = hasGapMonitor
  }

  /** Starts it and waits until it says where it listens. */
  static async start({ command, args, env, hasGapMonitor = false }: ServerCommand): Promise<ServerProcess> {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', ...(hasGapMonitor ? (['ipc'] as const) : [])],
    })
    const endWithUs = () => child.kill('SIGKILL')
    process.once('exit', endWithUs)
    child.once('exit', () => process.off('exit', endWithUs))
    let output = ''
    const port = await new Promise<number>((resolve, reject) => {
      const failed = (why: string) => {
        child.kill('SIGKILL')
        reject(new Error(`${command} ${why}:\n${output.slice(-2000)}`))
      }
      const timer = setTimeout(() => failed('did not say where it listens'), startTimeoutMs)
      const found = (port: number) => {
        clearTimeout(timer)
        resolve(port)
      }
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (chunk: Buffer) => {
          output = (output + chunk).slice(-10_000)
          const port = announcement.exec(output)?.[1]
          if (port) found(Number(port))
        })
      }
      // The embedded host tells a parent that it can send messages to, and prints to others.
      child.on('message', (message: { type?: string; port?: number }) => {
        if (message?.type === 'listening') found(Number(message.port))
      })
      child.once('error', error => failed(error.message))
      child.once('exit', code => failed(`ended (${code})`))
    })
    return new ServerProcess(child, port, hasGapMonitor)
  }

  /** Longest time its event loop stood still since this was last asked; undefined without a monitor. */
  async takeLongestGapMs(): Promise<number | undefined> {
    if (!this.#hasGapMonitor) return undefined
    this.#process.send('bench:gap')
    for (;;) {
      const [message] = (await once(this.#process, 'message')) as [Record<string, unknown>]
      if (typeof message['bench:gap'] === 'number') return message['bench:gap']
    }
  }

  /** CPU time so far, with its children; undefined where the system does not tell. */
  cpuMilliseconds(): number | undefined {
    return this.#process.pid === undefined ? undefined : cpuMillisecondsOf(this.#process.pid)
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Memory that it holds now, in MiB; undefined where the system does not tell. */
  residentMemoryMb(): number | undefined {
    return this.#process.pid === undefined ? undefined : residentMemoryMbOf(this.#process.pid)
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await Promise.race([ended, sleep(stopTimeoutMs, undefined, { ref: false })])
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL')
    await ended
  }
}
