/** What a worker prints, as it goes through its stdout and stderr to the main thread. */
import { type LogEntry, type LogLevel, logLevels } from '../../telemetry/log.ts'

/** A part of the output. The text may end within a line. */
export type OutputRecord = Pick<LogEntry, 'level'> & {
  /** Requests whose run printed it; empty: none, or a batch job. */
  readonly requestIds: readonly string[]
  readonly moreRequests: number
  readonly text: string
}

/** Begins a record. JSON escapes it and line ends, so no text can begin or end one. */
export const recordStart = '\x1e'

export function encodeOutput(record: OutputRecord): string {
  return `${recordStart}${JSON.stringify(record)}\n`
}

/** @returns undefined for a line that is no record, because native code or code of the owner wrote it past ours */
export function decodeOutput(line: string): OutputRecord | undefined {
  if (!line.startsWith(recordStart)) return undefined
  try {
    const { level, requestIds, moreRequests, text } = JSON.parse(line.slice(1)) as OutputRecord
    const isRecord =
      logLevels.includes(level as LogLevel) &&
      Array.isArray(requestIds) &&
      requestIds.every(id => typeof id === 'string') &&
      Number.isSafeInteger(moreRequests) &&
      typeof text === 'string'
    return isRecord ? { level, requestIds, moreRequests, text } : undefined
  } catch {
    return undefined
  }
}
