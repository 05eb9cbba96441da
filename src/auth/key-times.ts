/** How long things take and last, in milliseconds (design.md, section 7). */
export const keyTimes = {
  /** Keys are read again after this, at most: so long may a key outlive its rotation while the vault answers. */
  soft: 5 * 60_000,
  /** Keys that could not be read again for so long open nothing any more. */
  hard: 24 * 3_600_000,
  /** One early read in this time, for the whole app. */
  early: 10_000,
  /** The same for callers who have shown many wrong keys. */
  earlyForSuspects: 60_000,
  /** Deadline of a read. */
  read: 5_000,
  /** Longest that a request with an unknown key waits for a read. */
  wait: 2_000,
  /** First and longest pause after a failed read. */
  firstRetry: 1_000,
  lastRetry: 60_000,
} as const

/** Requests that wait for a read at a time; further ones are answered at once. */
export const maxWaiting = 1000
