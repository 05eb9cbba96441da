/** The ways in which the host process ends: on a signal, after a crash, or because it cannot start. */
import { StartupError } from '../errors.ts'
import { AppLoadError } from './app/load-app.ts'
import { releaseOutput } from './held-output.ts'
import { describe } from './host-log.ts'

/** Sent before a crashed process ends. The supervisor kills one that does not end soon. */
export interface Ending {
  readonly type: 'ending'
}

/** Sent before a process ends that cannot start. The supervisor then starts no other, whichever way this one ends. */
export interface CannotStart {
  readonly type: 'cannot start'
}

/** The exit code of a crash; the supervisor starts a new process. */
const crashExitCode = 70
/** How long sending the message to the supervisor may take. */
const sendTimeoutMs = 1000

/**
 * Stops the process on SIGTERM and SIGINT, and when the supervisor is gone. A second signal ends it at once.
 *
 * @param stop  finishes what is in progress
 */
export function stopOnSignals(stop: () => Promise<void>): void {
  let isStopping = false
  const onSignal = () => {
    if (isStopping) endAtOnce()
    isStopping = true
    stop().then(
      () => process.exit(0),
      error => {
        console.error(`stopping failed: ${explainCause(error)}`)
        endAtOnce()
      },
    )
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  process.on('disconnect', () => {
    if (!isStopping) onSignal()
  })
}

/** `process.exit` waits for worker threads, and so for native code that runs in one. */
function endAtOnce(): void {
  releaseOutput()
  process.kill(process.pid, 'SIGKILL')
}

/** Logs an error that nothing caught, and ends the process as crashed. */
export function endOnUncaughtErrors(): void {
  const end = (label: string) => (error: unknown) => {
    releaseOutput()
    console.error(`[${new Date().toISOString()}] ${label}: ${describe(error)}`)
    endCrashed()
  }
  process.on('uncaughtException', end('Uncaught exception'))
  process.on('unhandledRejection', end('Unhandled rejection'))
}

/**
 * Ends the process as crashed. Tells the supervisor first, so that it can kill a process that does not end:
 * `process.exit` waits for native code in worker threads, and such code may be why the host has to end.
 */
export function endCrashed(): void {
  const exit = () => process.exit(crashExitCode)
  tellSupervisor({ type: 'ending' }, exit, exit)
}

/**
 * Ends a process that cannot start. With a supervisor it ends without `process.exit`, which ends worker threads that are
 * loading models, and their native code may abort the process then.
 */
export function endUnstarted(): void {
  tellSupervisor({ type: 'cannot start' }, endAtOnce, () => process.exit(1))
}

function tellSupervisor(message: Ending | CannotStart, then: () => void, withoutSupervisor: () => void): void {
  if (!process.send || !process.connected) return withoutSupervisor()
  setTimeout(then, sendTimeoutMs)
  process.send(message, undefined, undefined, then)
}

/** Why the host cannot start: one line for what the operator can fix, the stack for everything else. */
export function explain(error: unknown): string {
  if (error instanceof AppLoadError) return `error: ${error.message}: ${explainCause(error.cause)}`
  return `error: ${explainCause(error)}`
}

function explainCause(error: unknown): string {
  return error instanceof StartupError ? error.message : describe(error)
}
