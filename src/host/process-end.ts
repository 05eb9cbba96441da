import { StartupError } from '../errors.ts'
import { AppLoadError } from './app/load-app.ts'
import { describe } from './host-log.ts'

/** It has crashed and ends; the supervisor kills what does not end by itself soon. */
export interface Ending {
  readonly type: 'ending'
}

/** A crash of the app's code; the supervisor starts a new process. */
const crashExitCode = 70
/** How long the message to the supervisor may take. */
const sendTimeoutMs = 1000

/**
 * Ends the process as a crash does. Tells the supervisor first, so that it can kill a process that does not get to its end:
 * `process.exit` waits for native code in worker threads, and such code may be why the host has to end.
 */
export function endCrashed(): void {
  const exit = () => process.exit(crashExitCode)
  if (!process.send || !process.connected) return exit()
  const ending: Ending = { type: 'ending' }
  setTimeout(exit, sendTimeoutMs)
  process.send(ending, undefined, undefined, exit)
}

/** For an error that nobody caught: logs it and ends the process. */
export function crash(kind: string): (error: unknown) => void {
  return error => {
    console.error(`[${new Date().toISOString()}] ${kind}: ${describe(error)}`)
    endCrashed()
  }
}

/** Why the host cannot start: one line for what the operator can mend, the stack for the rest. */
export function explain(error: unknown): string {
  if (error instanceof AppLoadError) return `error: ${error.message}: ${explainCause(error.cause)}`
  return `error: ${explainCause(error)}`
}

export function explainCause(error: unknown): string {
  return error instanceof StartupError ? error.message : describe(error)
}
