import { format } from 'node:util'
import type { HookCallback } from './app/functions-core.ts'

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none'
export type LogCategory = 'user' | 'system' | 'customMetric'

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

  /** The app shows information and above, the system warnings and above; all of it when verbose. */
  write(level: LogLevel, category: LogCategory, message: string, invocationContext?: object): void {
    let line = { level, message }
    if (this.hooks.length > 0) {
      const seen = { level, message, category, invocationContext, hookData: {}, appHookData: {} }
      for (const hook of this.hooks) {
        try {
          hook(seen)
        } catch (error) {
          print('error', `a log hook failed: ${describe(error)}`)
        }
      }
      if (category === 'user') line = seen
    }
    const least = this.isVerbose ? 0 : category === 'user' ? 2 : 3
    if (severity[line.level] >= least && line.level !== 'none') print(line.level, line.message)
  }

  /** `context.log(...)` and its likes. */
  writeUser(level: LogLevel, args: unknown[], invocationContext: object): void {
    this.write(level, 'user', format(...args), invocationContext)
  }
}

/** An error as it is best read in a log. */
export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : format('%o', error)
}

function print(level: LogLevel, message: string): void {
  const stream = severity[level] >= severity.warning ? process.stderr : process.stdout
  stream.write(`[${new Date().toISOString()}] ${message}\n`)
}
