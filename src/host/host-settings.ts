import { StartupError } from '../errors.ts'

/** Times that are fixed in the real host, in milliseconds. */
export interface HostTimes {
  /** How long a received message is invisible to others. */
  readonly invisibleMs: number
  /** Longest pause between looks into a queue; undefined: what host.json says. */
  readonly maxPollingMs: number | undefined
  /** A client that takes no byte of its answer for so long is let go of. */
  readonly unreadResponseMs: number
}

/**
 * The times of the real host, or those of variables that are **for tests and development only**: with short ones a message
 * whose process was killed comes back in seconds. They are read by this host alone, never in Azure.
 *
 * @throws StartupError when one of them is no time
 */
export function readHostTimes(environment: NodeJS.ProcessEnv): HostTimes {
  return {
    invisibleMs: read(environment, 'SCORING_HOST_QUEUE_INVISIBILITY_MS', 1000, 604_800_000) ?? 600_000,
    unreadResponseMs: read(environment, 'SCORING_HOST_UNREAD_ANSWER_MS', 100, 600_000) ?? 60_000,
    maxPollingMs: read(environment, 'SCORING_HOST_QUEUE_MAX_POLLING_MS', 10, 600_000),
  }
}

function read(environment: NodeJS.ProcessEnv, name: string, least: number, most: number): number | undefined {
  const text = environment[name]
  if (text === undefined || text === '') return undefined
  const ms = Number(text)
  if (Number.isInteger(ms) && ms >= least && ms <= most) return ms
  throw new StartupError(`${name} must be a whole number of milliseconds, ${least} to ${most}`)
}
