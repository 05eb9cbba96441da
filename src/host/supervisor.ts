import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ReleaseOutput } from './held-output.ts'
import type { CannotStart, Ending } from './process-end.ts'
import type { HandBack, HeldMessage, Holding } from './queue/held-messages.ts'
import type { Listening } from './serve-app.ts'

export interface SupervisorOptions {
  /** Script of the host process. */
  readonly entry: URL
  /** Its arguments, without `--port` and `--grpc-port`. */
  readonly args: readonly string[]
  /** Options of Node.js for the host process, e.g. `--inspect=9229`; its threads are debugged through it. */
  readonly nodeArgs?: readonly string[]
  readonly port: number
  /** A second port; undefined: only the one that HTTP20_ONLY_PORT may set. */
  readonly grpcPort?: number | undefined
  readonly environment: NodeJS.ProcessEnv
  /** What the first process prints is held back until `releaseOutput` is called. */
  readonly holdsOutput?: boolean
  /** Called once, when the host first serves. */
  readonly onListening: (listening: Listening, releaseOutput: (omit?: readonly string[]) => void) => void
  readonly log: (line: string) => void
  /** Stops the host as SIGTERM does. */
  readonly stopSignal?: AbortSignal
  readonly restarts?: RestartPolicy
}

/**
 * When a crashed host is restarted: the first few times at once, then after delays that double from the first to the
 * longest. A host that has run for `resetAfterMs` starts over.
 */
export interface RestartPolicy {
  readonly immediateRestarts: number
  readonly firstDelayMs: number
  readonly maxDelayMs: number
  readonly resetAfterMs: number
  /** Most crashes in a row during start. A host that has served is restarted without limit. */
  readonly maxStartCrashes: number
  /** A host that has crashed and has not ended after this time is killed. */
  readonly killAfterCrashMs: number
}

const defaultRestarts: RestartPolicy = {
  immediateRestarts: 3,
  firstDelayMs: 200,
  maxDelayMs: 5_000,
  resetAfterMs: 60_000,
  maxStartCrashes: 10,
  killAfterCrashMs: 5000,
}

/** npm forwards a Ctrl-C that the terminal has sent to this process too: within this time it is the same one. */
const repeatedSignalMs = 500
/** A host that has not stopped by then is killed. It needs at most 30 s for requests and 10 s for hooks. */
const stopTimeoutMs = 45_000
/** A host that has to end at once is killed after this time: a debugger may have stopped it, or keep its process. */
const endTimeoutMs = 1000

/**
 * Runs the host in a child process, and restarts it on the same ports when it crashes; queue messages that it held then are delivered
 * again at once. SIGINT, SIGTERM and SIGHUP stop it
 * after the requests in progress; a second signal stops it at once.
 *
 * @returns the exit code
 */
export async function superviseHost(options: SupervisorOptions): Promise<number> {
  const supervisor = new Supervisor(options)
  const onSignal = () => supervisor.stop()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  options.stopSignal?.addEventListener('abort', onSignal)
  if (options.stopSignal?.aborted) onSignal()
  try {
    return await supervisor.run()
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
    options.stopSignal?.removeEventListener('abort', onSignal)
  }
}

class Supervisor {
  readonly #options: SupervisorOptions
  readonly #restarts: RestartPolicy
  readonly #pause = new AbortController()
  #port: number
  #grpcPort: number | undefined
  #child: ChildProcess | undefined
  /** Queue messages that processes held when they died. */
  readonly #lost: HeldMessage[] = []
  #hasListened = false
  #stoppedAt: number | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#restarts = options.restarts ?? defaultRestarts
    this.#port = options.port
    this.#grpcPort = options.grpcPort
  }

  stop(): void {
    const now = performance.now()
    if (this.#stoppedAt === undefined) {
      this.#stoppedAt = now
      this.#pause.abort()
      this.#killAfter(stopTimeoutMs)
    } else if (now - this.#stoppedAt < repeatedSignalMs) {
      return
    } else {
      this.#killAfter(endTimeoutMs)
    }
    this.#child?.kill('SIGTERM')
  }

  #killAfter(ms: number): void {
    setTimeout(() => this.#child?.kill('SIGKILL'), ms).unref()
  }

  async run(): Promise<number> {
    const { resetAfterMs, maxStartCrashes } = this.#restarts
    let quickCrashes = 0
    let crashesBeforeServing = 0
    while (this.#stoppedAt === undefined) {
      const startedAt = performance.now()
      const { code, signal, isServing, cannotStart } = await this.#runOnce()
      if (this.#stoppedAt !== undefined) return code ?? 1
      if (code === 0) return 0 // it ended by itself
      if (!isServing && (code === 1 || cannotStart)) return 1
      quickCrashes = performance.now() - startedAt >= resetAfterMs ? 1 : quickCrashes + 1
      crashesBeforeServing = isServing ? 0 : crashesBeforeServing + 1
      const how = signal ?? `exit ${code}`
      if (crashesBeforeServing > maxStartCrashes) {
        this.#options.log(
          `The host crashed ${crashesBeforeServing} times in a row during start (last: ${how}); giving up.`,
        )
        return 1
      }
      const delayMs = restartDelay(quickCrashes, this.#restarts)
      const when = delayMs === 0 ? 'at once' : `in ${delayMs / 1000} s`
      this.#options.log(`The host crashed (${how}); restarting it ${when}.`)
      await delay(delayMs, undefined, { signal: this.#pause.signal }).catch(() => {}) // aborted when the host is stopped
    }
    return 0
  }

  async #runOnce() {
    const { entry, args, nodeArgs = [], environment, onListening, holdsOutput } = this.#options
    const more = [
      ...['--port', String(this.#port)],
      ...(this.#grpcPort === undefined ? [] : ['--grpc-port', String(this.#grpcPort)]),
      ...(holdsOutput && !this.#hasListened ? ['--hold-output'] : []),
    ]
    let isServing = false
    let cannotStart = false
    const child = spawn(process.execPath, [...nodeArgs, fileURLToPath(entry), ...args, ...more], {
      env: environment,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: process.platform !== 'win32', // Ctrl-C reaches this process only, which forwards it once
      windowsHide: true,
    })
    this.#child = child
    const held = new Map<string, HeldMessage>()
    child.on('message', (message: Listening | Ending | CannotStart | Holding) => {
      if (message.type === 'holds') held.set(message.message.id, message.message)
      if (message.type === 'released') held.delete(message.id)
      if (message.type === 'cannot start') cannotStart = true
      if (message.type === 'ending') setTimeout(() => child.kill('SIGKILL'), this.#restarts.killAfterCrashMs).unref()
      if (message.type !== 'listening') return
      isServing = true
      this.#port = message.port
      this.#grpcPort = message.grpcPort
      const handBack: HandBack = { type: 'hand back', messages: this.#lost.splice(0) }
      if (handBack.messages.length > 0) child.send(handBack, () => {}) // it may have ended meanwhile
      if (this.#hasListened) return
      this.#hasListened = true
      onListening(message, (omit = []) => {
        const release: ReleaseOutput = { type: 'release output', omit }
        if (holdsOutput && child.connected) child.send(release, () => {}) // it may have ended meanwhile
      })
    })
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    this.#child = undefined
    this.#lost.push(...held.values())
    return { code, signal, isServing, cannotStart }
  }
}

/**
 * @param crashCount  since the host last ran for long
 * @returns milliseconds
 */
function restartDelay(crashCount: number, { immediateRestarts, firstDelayMs, maxDelayMs }: RestartPolicy): number {
  if (crashCount <= immediateRestarts) return 0
  return Math.min(maxDelayMs, firstDelayMs * 2 ** (crashCount - immediateRestarts - 1))
}
