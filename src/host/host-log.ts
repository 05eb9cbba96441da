import { format } from 'node:util'
import type { HookCallback } from './app/functions-core.ts'

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none'
export type LogCategory = 'user' | 'system' | 'customMetric'

export interface LogLine {
  readonly level: LogLevel
  readonly category: LogCategory
  readonly message: string
  readonly invocationContext?: object | undefined
}

const severity: Record<LogLevel, number> = {
  trace: 0,
  debug: 1,
  information: 2,
  warning: 3,
  error: 4,
  critical: 5,
  none: 6,
}

/** Lines as `func start` prints them: `[2026-11-21T08:00:00.000Z] message`; warnings and errors go to stderr. */
export class HostLog {
  readonly isVerbose: boolean
  /** `log` hooks of the app: they see every line and may reword the app's own. */
  hooks: readonly HookCallback[] = []

  constructor(isVerbose: boolean) {
    this.isVerbose = isVerbose
  }

  /** Lines of the app are shown from `information`, lines of the host from `warning`; with `--verbose` all are shown. */
  write(line: LogLine): void {
    const { level, message } = this.hooks.length > 0 ? this.#runHooks(line) : line
    const least = this.isVerbose ? 'trace' : line.category === 'user' ? 'information' : 'warning'
    if (severity[level] >= severity[least] && level !== 'none') print(level, message)
  }

  /** Writes a line of the host. */
  system(level: LogLevel, message: string, invocationContext?: object): void {
    this.write({ level, category: 'system', message, invocationContext })
  }

  /** Writes a line of the app: `context.log(...)` and the like. */
  user(level: LogLevel, args: unknown[], invocationContext: object): void {
    this.write({ level, category: 'user', message: format(...args), invocationContext })
  }

  #runHooks(line: LogLine): LogLine {
    const seen = { invocationContext: undefined, ...line, hookData: {}, appHookData: {} }
    for (const hook of this.hooks) {
      try {
        hook(seen)
      } catch (error) {
        print('error', `a log hook failed: ${describe(error)}`)
      }
    }
    return line.category === 'user' ? seen : line
  }
}

/** An error as it is best read in a log: its stack where it has one. */
export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : format('%o', error)
}

function print(level: LogLevel, message: string): void {
  const stream = severity[level] >= severity.warning ? process.stderr : process.stdout
  stream.write(`[${new Date().toISOString()}] ${message}\n`)
}
