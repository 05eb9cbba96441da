import { StartupError } from '../../errors.ts'
import { parseTimeSpan } from '../dotnet-time.ts'

/** `extensions.queues` of host.json. */
export interface QueueSettings {
  /** Messages that one poll takes. */
  readonly batchSize: number
  /** The next poll happens once no more than this many messages are running. */
  readonly newBatchThreshold: number
  /** Runs of a message before it is poison. */
  readonly maxDequeueCount: number
  /** How long a message stays invisible after a run that failed. */
  readonly visibilityTimeoutMs: number
  /** Longest pause between two polls of an empty queue. */
  readonly maxPollingIntervalMs: number
  readonly messageEncoding: 'base64' | 'none'
}

/** The facts on which the defaults depend. */
export interface QueueDefaults {
  readonly isDevelopment: boolean
  readonly processorCount: number
}

const minPollingMs = 100
const maxVisibilityMs = 7 * 24 * 3600 * 1000

/**
 * Reads `extensions.queues` by the rules and with the defaults of the storage extension. (azure-sdk-for-net QueuesOptions)
 *
 * @throws StartupError that names the setting, its value and what it may be
 */
export function readQueueSettings(given: unknown, { isDevelopment, processorCount }: QueueDefaults): QueueSettings {
  const section = given ?? {}
  if (typeof section !== 'object' || Array.isArray(section)) throw invalid('', section, 'an object')
  const values = section as Values
  const batchSize = wholeNumber(values, 'batchSize', { initial: 16, min: 1, max: 32 })
  const newBatchThreshold = Math.floor(batchSize / 2) * processorCount
  // `func start` polls at least every two seconds (Core Tools set AZURE_FUNCTIONS_ENVIRONMENT to Development).
  const maxPollingMs = isDevelopment ? 2000 : 60_000
  return {
    batchSize,
    newBatchThreshold: wholeNumber(values, 'newBatchThreshold', { initial: newBatchThreshold, min: 0 }),
    maxDequeueCount: wholeNumber(values, 'maxDequeueCount', { initial: 5, min: 1 }),
    visibilityTimeoutMs: timeSpan(values, 'visibilityTimeout', { initial: 0, min: 0, max: maxVisibilityMs }),
    maxPollingIntervalMs: timeSpan(values, 'maxPollingInterval', { initial: maxPollingMs, min: minPollingMs }),
    messageEncoding: encoding(values),
  }
}

type Values = Readonly<Record<string, unknown>>

interface Range {
  readonly initial: number
  readonly min: number
  readonly max?: number
}

function wholeNumber(values: Values, name: string, { initial, min, max }: Range): number {
  const value = values[name] ?? initial
  const isInRange =
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= (max ?? 2 ** 31 - 1)
  if (isInRange) return value
  throw invalid(name, value, `a whole number, ${min} ${max === undefined ? 'or more' : `to ${max}`}`)
}

/** @param range  in milliseconds */
function timeSpan(values: Values, name: string, { initial, min, max }: Range): number {
  const value = values[name]
  if (value === undefined || value === null) return initial
  const ms = typeof value === 'string' ? parseTimeSpan(value) : undefined
  if (ms !== undefined && ms >= min && ms <= (max ?? Number.POSITIVE_INFINITY)) return ms
  const least = min > 0 ? [`at least ${min} ms`] : []
  const most = max === undefined ? [] : [`at most ${max / (24 * 3600 * 1000)} days`]
  throw invalid(name, value, ['a time "hh:mm:ss"', ...least, ...most].join(', '))
}

function encoding({ messageEncoding }: Values): 'base64' | 'none' {
  const value = messageEncoding ?? 'base64'
  const name = typeof value === 'string' ? value.toLowerCase() : value
  if (name === 'base64' || name === 'none') return name
  throw invalid('messageEncoding', value, '"base64" or "none"')
}

function invalid(name: string, value: unknown, rule: string): StartupError {
  const path = ['extensions.queues', name].filter(part => part !== '').join('.')
  return new StartupError(`host.json: ${path} is ${JSON.stringify(value)}, and must be ${rule}`)
}
