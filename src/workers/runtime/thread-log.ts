import type { ScoringError } from '../../errors.ts'
import { printFailure } from './thread-output.ts'

/**
 * Writes a failure with its causes. JSON.parse quotes what it was given, so a script's complaint about its input is
 * reduced to its kind: row values must not enter the log.
 *
 * @param id  of its request; undefined: it is part of a batch job
 */
export function logFailure(failure: ScoringError, id: string | undefined): void {
  printFailure(id, `${failure.code}: ${failure.message}${causes(failure.cause)}`)
}

/** Logs an uncaught error that belongs to no running request. */
export function logLeftBehind(error: unknown): void {
  console.error(`uncaught error, left behind by init() or an earlier request:${causes(error ?? 'nothing')}`)
}

function causes(cause: unknown): string {
  if (cause === undefined) return ''
  if (!(cause instanceof Error)) return `\n  caused by: ${String(cause)}`
  const stack = (cause.stack ?? '')
    .split('\n')
    .filter(line => /^\s+at /.test(line))
    .slice(0, 8)
  const message = cause instanceof SyntaxError ? 'malformed text' : cause.message
  return `\n  caused by: ${cause.name}: ${message}\n${stack.join('\n')}${causes(cause.cause)}`
}
