import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Ending } from './crash.ts'
import type { Listening } from './host-process.ts'

export interface SupervisorOptions {
  /** Script of the host process. */
  readonly entry: URL
  /** Its arguments, without `--port`. */
  readonly args: readonly string[]
  readonly port: number
  readonly environment: NodeJS.ProcessEnv
  /** Called once, when the host serves for the first time. */
  readonly onListening: (listening: Listening) => void
  readonly log: (line: string) => void
  readonly restarts?: Restarts
}

/**
 * A host that crashes is started again at once the first few times, then after pauses that double from the first to the
 * longest; `steadyMs` of life forget earlier crashes.
 */
export interface Restarts {
  readonly atOnce: number
  readonly firstMs: number
  readonly longestMs: number
  readonly steadyMs: number
  /** Crashes in a row, each before it served, after which it is given up: one that has served comes back however often. */
  readonly maxQuickCrashes: number
  /** A host that has crashed and still is there after so long is killed. */
  readonly endingMs: number
}

const usualRestarts: Restarts = {
  atOnce: 3,
  firstMs: 200,
  longestMs: 5_000,
  steadyMs: 60_000,
  maxQuickCrashes: 10,
  endingMs: 5000,
}

/** npm passes a Ctrl-C on that the terminal has sent us already: so soon it is the same one. */
const sameSignalMs = 500
/** A host that has not stopped by then (it takes 30 s for requests and 10 s for its hooks at most) is killed. */
const killAfterMs = 45_000

/**
 * Runs the host in a child process and starts it again when it crashes, on the same port. SIGINT, SIGTERM and SIGHUP stop
 * it once it has answered what is in flight; a second one stops it at once.
 *
 * @returns the exit code to end with
 */
export async function superviseHost(options: SupervisorOptions): Promise<number> {
  const supervisor = new Supervisor(options)
  const onSignal = () => supervisor.stop()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  try {
    return await supervisor.run()
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
  }
}

class Supervisor {
  readonly #options: SupervisorOptions
  readonly #restarts: Restarts
  readonly #pause = new AbortController()
  #port: number
  #child: ChildProcess | undefined
  #hasListened = false
  #stoppedAt: number | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#restarts = options.restarts ?? usualRestarts
    this.#port = options.port
  }

  stop(): void {
    const now = performance.now()
    if (this.#stoppedAt === undefined) {
      this.#stoppedAt = now
      this.#pause.abort()
      setTimeout(() => this.#child?.kill('SIGKILL'), killAfterMs).unref()
    } else if (now - this.#stoppedAt < sameSignalMs) {
      return
    }
    this.#child?.kill('SIGTERM')
  }

  async run(): Promise<number> {
    const { atOnce, firstMs, longestMs, steadyMs, maxQuickCrashes } = this.#restarts
    let quickCrashes = 0
    let crashesBeforeServing = 0
    while (this.#stoppedAt === undefined) {
      const startedAt = performance.now()
      const { code, signal, isServing } = await this.#runOnce()
      if (this.#stoppedAt !== undefined) return code ?? 1
      if (code === 0 || (code === 1 && !isServing)) return code // ended by itself, or it cannot start
      quickCrashes = performance.now() - startedAt >= steadyMs ? 1 : quickCrashes + 1
      crashesBeforeServing = isServing ? 0 : crashesBeforeServing + 1
      const how = signal ?? `exit ${code}`
      if (crashesBeforeServing > maxQuickCrashes) {
        this.#options.log(
          `The host crashed ${crashesBeforeServing} times in a row as it started (last: ${how}): giving up.`,
        )
        return 1
      }
      const pauseMs = quickCrashes <= atOnce ? 0 : Math.min(longestMs, firstMs * 2 ** (quickCrashes - atOnce - 1))
      const when = pauseMs === 0 ? 'at once' : `in ${pauseMs / 1000} s`
      this.#options.log(`The host crashed (${how}); starting it again ${when}.`)
      await delay(pauseMs, undefined, { signal: this.#pause.signal }).catch(() => {}) // aborted: we stop
    }
    return 0
  }

  async #runOnce(): Promise<{ code: number | null; signal: NodeJS.Signals | null; isServing: boolean }> {
    const { entry, args, environment, onListening } = this.#options
    let isServing = false
    const child = spawn(process.execPath, [fileURLToPath(entry), ...args, '--port', String(this.#port)], {
      env: environment,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: process.platform !== 'win32', // Ctrl-C reaches us alone, and we pass it on once
      windowsHide: true,
    })
    this.#child = child
    child.on('message', (message: Listening | Ending) => {
      if (message.type === 'ending') setTimeout(() => child.kill('SIGKILL'), this.#restarts.endingMs).unref()
      if (message.type !== 'listening') return
      isServing = true
      this.#port = message.port
      if (!this.#hasListened) onListening(message)
      this.#hasListened = true
    })
    const [code, signal] = await once(child, 'exit')
    this.#child = undefined
    return { code, signal, isServing }
  }
}
