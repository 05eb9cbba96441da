/** What the log says of workers that end, or do not. */
import type { WorkerHandle } from './worker-handle.ts'
import type { Crash, ExceededLimit } from './worker-state.ts'

/** A run that goes on for this long after its worker was ended is native code. */
export const warnAfterMs = 1000
/** Requests that one line of the log names. */
const maxNamed = 8

/** Of a worker that was ended, whose run goes on. */
export function describeRunaway({ runningNames }: WorkerHandle, limit: ExceededLimit): string {
  const why = 'native code cannot be stopped, and takes a processor until it returns'
  return `a run exceeded its limit (${limit}) and goes on computing: ${why}${listNames(runningNames)}`
}

/** Of a worker that has ended. */
export function describeEnd({ runningNames }: WorkerHandle, { cause, detail, endedAt }: Crash, now: number): string {
  const lateMs = endedAt === undefined ? 0 : now - endedAt
  const late = lateMs < warnAfterMs ? '' : `, ${Math.round(lateMs / 1000)} s after it was given up`
  return `a scoring thread ended (${cause}: ${detail})${late}; a new one replaces it${listNames(runningNames)}`
}

/** The requests that a thread was running, one of which has probably ended it. */
function listNames(requests: readonly string[]): string {
  if (requests.length === 0) return ''
  const shown = requests.slice(0, maxNamed).join(', ')
  const more = requests.length > maxNamed ? ` and ${requests.length - maxNamed} more` : ''
  return `; running: request${requests.length > 1 ? 's' : ''} ${shown}${more}`
}
