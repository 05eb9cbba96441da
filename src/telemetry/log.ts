/** Lines of the log, as text for a terminal or as JSON for a collector. */

export const logFormats = ['off', 'text', 'json'] as const
/** In order of severity. */
export const logLevels = ['debug', 'info', 'warning', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LogSettings {
  /** `off`: no lines about requests; other lines are text. */
  readonly format: (typeof logFormats)[number]
  /** Lines below this level are left out. */
  readonly level: LogLevel
}

export interface LogEntry {
  readonly level: LogLevel
  readonly service?: string | undefined
  /** The requests that the entry is about. Several may share a run of the script. */
  readonly requestIds?: readonly string[]
  /** How many more requests it is about. */
  readonly moreRequests?: number
  /** May have several lines. */
  readonly message: string
}

/** An answered request. It has no query, headers or body, which may be secret. */
export interface RequestEntry {
  readonly level: LogLevel
  readonly service: string | undefined
  /** Of the model that answered, or would have; undefined: it has none, or was not found. */
  readonly modelVersion: string | undefined
  readonly requestId: string | undefined
  readonly method: string
  readonly path: string
  readonly status: number
  /** Code of the error, if the answer is one of the app's own. */
  readonly code: string | undefined
  readonly ms: number
  /** undefined: the request was not scored, or its script sees no rows. */
  readonly rows: number | undefined
  /** As in the log of the host; undefined: no function was invoked, as gRPC has none. */
  readonly invocationId: string | undefined
  /** The trace that the caller or the host has named. */
  readonly traceId: string | undefined
}

/** Turns entries into lines, each with a line end; an entry below the level becomes ''. */
export class LogFormat {
  readonly #isJson: boolean
  readonly #least: number
  readonly #now: () => Date

  constructor({ format, level }: LogSettings, now: () => Date) {
    this.#isJson = format === 'json'
    this.#least = logLevels.indexOf(level)
    this.#now = now
  }

  isWritten(level: LogLevel): boolean {
    return logLevels.indexOf(level) >= this.#least
  }

  format(entry: LogEntry): string {
    if (!this.isWritten(entry.level)) return ''
    return this.#isJson ? this.#jsonEntry(entry) : textEntry(entry)
  }

  formatRequest({ level, service, requestId, ms, rows, ...rest }: RequestEntry): string {
    if (!this.isWritten(level)) return ''
    const { modelVersion, method, path, status, code, invocationId, traceId } = rest
    const roundedMs = Math.round(ms * 10) / 10
    const time = this.#now().toISOString()
    if (this.#isJson) {
      const ids = { invocationId, traceId }
      const scored = { status, code, ms: roundedMs, rows, modelVersion }
      return json({ time, level, service, requestId, method, path, ...scored, ...ids })
    }
    const counted = rows === undefined ? '' : rows === 1 ? ', 1 row' : `, ${rows} rows`
    const answer = `${status}${code === undefined ? '' : ` ${code}`}, ${roundedMs} ms${counted}`
    return `[${time}] ${level} ${prefix(service, requestId === undefined ? [] : [requestId])}${printable(method)} ${printable(path)} ${answer}\n`
  }

  #jsonEntry({ level, service, requestIds = [], moreRequests, message }: LogEntry): string {
    const ids = requestIds.length > 1 ? { requestIds, moreRequests } : { requestId: requestIds[0] }
    return json({ time: this.#now().toISOString(), level, service, ...ids, message })
  }
}

/** Puts the prefix before each line, so that no script can write a line that looks like one of the server or of another service. */
function textEntry({ service, requestIds = [], moreRequests, message }: LogEntry): string {
  const start = prefix(service, requestIds, moreRequests)
  return message
    .split(lineEnd)
    .map(line => `${start}${printable(line)}\n`)
    .join('')
}

function prefix(service: string | undefined, requestIds: readonly string[], moreRequests = 0): string {
  const name = service === undefined ? '' : `[${service}] `
  if (requestIds.length === 0) return name
  const more = moreRequests === 0 ? '' : ` and ${moreRequests} more`
  return `${name}request${requestIds.length > 1 ? 's' : ''} ${requestIds.map(quoted).join(', ')}${more}: `
}

/** Callers choose their ids and the names of blobs: one that could be taken for another part of the line is written as a JSON string. */
export function quoted(id: string): string {
  return /^[\w.:/+=@~-]+$/.test(id) ? id : escaped(JSON.stringify(id))
}

function json(fields: object): string {
  return `${escaped(JSON.stringify(fields))}\n`
}

/** Everything that a terminal or a log viewer may take for the end of a line. */
const lineEnd = /\r?\n|[\r\v\f\u0085\u2028\u2029]/

/** Escapes, within JSON, what JSON allows but a terminal or a log viewer may take for a command or a line end. */
function escaped(jsonText: string): string {
  return jsonText.replace(/[\x7f-\x9f\u2028\u2029]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Escapes control characters, which would move the cursor of a terminal. */
function printable(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are the subject
  return line.replace(/[\0-\x08\x0a-\x1f\x7f-\x9f]/g, unit => `\\x${unit.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
