import { StartupError } from '../../errors.ts'
import { parseTimeSpan } from '../dotnet-time.ts'

/** `extensions.queues` of host.json. */
export interface QueueSettings {
  /** Messages that one call takes. */
  readonly batchSize: number
  /** More are taken once no more than so many run. */
  readonly newBatchThreshold: number
  /** Runs of a message before it is poison. */
  readonly maxDequeueCount: number
  /** How long a message rests after a run that failed. */
  readonly visibilityTimeoutMs: number
  /** Longest pause between two looks into an empty queue. */
  readonly maxPollingIntervalMs: number
  readonly messageEncoding: 'base64' | 'none'
}

/** What the settings depend on besides the file. */
export interface QueueDefaults {
  readonly isDevelopment: boolean
  readonly processorCount: number
}

const minPollingMs = 100
const maxVisibilityMs = 7 * 24 * 3600 * 1000

/**
 * Reads `extensions.queues` by the rules and with the defaults of the storage extension. (azure-sdk-for-net QueuesOptions)
 *
 * @throws StartupError that names the setting, what it is and what it may be
 */
export function readQueueSettings(given: unknown, { isDevelopment, processorCount }: QueueDefaults): QueueSettings {
  const section = given ?? {}
  if (typeof section !== 'object' || Array.isArray(section)) throw wrong('', section, 'an object')
  const values = section as Readonly<Record<string, unknown>>
  const batchSize = wholeNumber(values, 'batchSize', 16, 1, 32)
  return {
    batchSize,
    newBatchThreshold: wholeNumber(values, 'newBatchThreshold', Math.floor(batchSize / 2) * processorCount, 0),
    maxDequeueCount: wholeNumber(values, 'maxDequeueCount', 5, 1),
    visibilityTimeoutMs: timeSpan(values, 'visibilityTimeout', 0, 0, maxVisibilityMs),
    // `func start` looks every two seconds at least (Core Tools set AZURE_FUNCTIONS_ENVIRONMENT to Development).
    maxPollingIntervalMs: timeSpan(values, 'maxPollingInterval', isDevelopment ? 2000 : 60_000, minPollingMs),
    messageEncoding: encoding(values),
  }
}

type Values = Readonly<Record<string, unknown>>

function wholeNumber(values: Values, name: string, initial: number, least: number, most = 2 ** 31 - 1): number {
  const value = values[name] ?? initial
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw wrong(
    name,
    value,
    most === 2 ** 31 - 1 ? `a whole number, ${least} or more` : `a whole number, ${least} to ${most}`,
  )
}

function timeSpan(
  values: Values,
  name: string,
  initial: number,
  least: number,
  most = Number.POSITIVE_INFINITY,
): number {
  const value = values[name]
  if (value === undefined || value === null) return initial
  const ms = typeof value === 'string' ? parseTimeSpan(value) : undefined
  if (ms !== undefined && ms >= least && ms <= most) return ms
  const limits = [least > 0 ? `at least ${least} ms` : '', most < Number.POSITIVE_INFINITY ? 'at most 7 days' : '']
  throw wrong(name, value, ['a time "hh:mm:ss"', ...limits.filter(limit => limit !== '')].join(', '))
}

function encoding({ messageEncoding }: Values): 'base64' | 'none' {
  const value = messageEncoding ?? 'base64'
  const name = typeof value === 'string' ? value.toLowerCase() : value
  if (name === 'base64' || name === 'none') return name
  throw wrong('messageEncoding', value, '"base64" or "none"')
}

function wrong(name: string, value: unknown, rule: string): StartupError {
  const path = ['extensions.queues', name].filter(part => part !== '').join('.')
  return new StartupError(`host.json: ${path} is ${JSON.stringify(value)}, and must be ${rule}`)
}
