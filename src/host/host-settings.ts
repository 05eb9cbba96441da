import { StartupError } from '../errors.ts'

/** Settings of this host from environment variables. The real host fixes all of them but `maxBodyBytes`. */
export interface HostSettings {
  /** How long a received queue message is invisible to others. */
  readonly invisibleMs: number
  /** Longest pause between two polls of a queue; undefined: as host.json says. */
  readonly maxPollingMs: number | undefined
  /** A client that takes no byte of its response for this long is disconnected. */
  readonly unreadResponseMs: number
  readonly maxBodyBytes: number
}

const maxVisibilityMs = 7 * 24 * 3600 * 1000

/**
 * Reads the settings. Those that begin with `SCORING_HOST_` are **for tests and development only**: with short times, the
 * message of a killed process is delivered again within seconds. Azure's host does not read them.
 *
 * @throws StartupError that names the variable and what it may be
 */
export function readHostSettings(environment: NodeJS.ProcessEnv): HostSettings {
  const readMs = (name: string, min: number, max: number) =>
    readNumber(environment, name, { min, max, unit: 'milliseconds' })
  const maxBody = { min: 0, max: Number.MAX_SAFE_INTEGER, unit: 'bytes' }
  return {
    invisibleMs: readMs('SCORING_HOST_QUEUE_INVISIBILITY_MS', 1000, maxVisibilityMs) ?? 600_000,
    maxPollingMs: readMs('SCORING_HOST_QUEUE_MAX_POLLING_MS', 10, 600_000),
    unreadResponseMs: readMs('SCORING_HOST_UNREAD_ANSWER_MS', 100, 600_000) ?? 60_000,
    maxBodyBytes: readNumber(environment, 'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT', maxBody) ?? 104_857_600,
  }
}

/**
 * Reads the port on which App Service for Linux sends HTTP/2 in clear text, beside the one for HTTP/1.1.
 *
 * @throws StartupError when it is no port
 */
export function readHttp2Port(environment: NodeJS.ProcessEnv): number | undefined {
  return readNumber(environment, 'HTTP20_ONLY_PORT', { min: 1, max: 65_535 })
}

interface Limits {
  readonly min: number
  readonly max: number
  readonly unit?: string
}

function readNumber(environment: NodeJS.ProcessEnv, name: string, { min, max, unit }: Limits): number | undefined {
  const text = environment[name]
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`
  throw new StartupError(
    `${name} is "${text}", and must be a whole number${unit === undefined ? '' : ` of ${unit}`}, ${range}`,
  )
}
