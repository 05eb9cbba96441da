/** Lifetimes and limits of cached keys, in milliseconds. */
export const keyTimes = {
  /** Longest time between two reads while the vault answers, and so the longest that a rotated key stays valid. */
  refreshAfterMs: 5 * 60_000,
  /** Age at which cached keys are rejected because the vault could not be read. */
  expireAfterMs: 24 * 3_600_000,
  /** Shortest time between two reads that unknown keys force, for the whole app. */
  forcedReadIntervalMs: 10_000,
  /** The same interval for clients that have sent many wrong keys. */
  forcedReadIntervalOfSuspectsMs: 60_000,
  readTimeoutMs: 5_000,
  /** Longest time that a request with an unknown key waits for a read. */
  maxWaitMs: 2_000,
  firstRetryDelayMs: 1_000,
  maxRetryDelayMs: 60_000,
} as const

/** Requests that may wait for a forced read at a time; further ones are answered at once. */
export const maxWaiting = 1000
