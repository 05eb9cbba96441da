import { HostJsonSection } from '../host-json-section.ts'

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
  const section = new HostJsonSection('extensions.queues', given)
  const batchSize = section.wholeNumber('batchSize', { initial: 16, min: 1, max: 32 })
  const newBatchThreshold = Math.floor(batchSize / 2) * processorCount
  // `func start` polls at least every two seconds (Core Tools set AZURE_FUNCTIONS_ENVIRONMENT to Development).
  const maxPollingMs = isDevelopment ? 2000 : 60_000
  return {
    batchSize,
    newBatchThreshold: section.wholeNumber('newBatchThreshold', { initial: newBatchThreshold, min: 0 }),
    maxDequeueCount: section.wholeNumber('maxDequeueCount', { initial: 5, min: 1 }),
    visibilityTimeoutMs: section.timeSpan('visibilityTimeout', { initial: 0, min: 0, max: maxVisibilityMs }),
    maxPollingIntervalMs: section.timeSpan('maxPollingInterval', { initial: maxPollingMs, min: minPollingMs }),
    messageEncoding: section.word('messageEncoding', 'base64', ['base64', 'none']),
  }
}
