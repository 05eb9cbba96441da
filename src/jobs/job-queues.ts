/** Queues of the app. Each has a poison queue, `<name>-poison`, to which the host moves messages that failed too often. */
export const jobQueues = {
  /** Submissions, sent by users. */
  submit: 'scoring-jobs',
  split: 'scoring-job-split',
  chunk: 'scoring-job-chunk',
  finish: 'scoring-job-finish',
} as const

export type JobQueue = Exclude<keyof typeof jobQueues, 'submit'>

/** Azure: Put Message. */
export const maxMessageBytes = 65_536
