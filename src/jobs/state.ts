/** Job statuses of Azure Machine Learning. */
export const jobStatuses = [
  'NotStarted',
  'Running',
  'Finalizing',
  'Completed',
  'Failed',
  'CancelRequested',
  'Canceled',
] as const
export type JobStatus = (typeof jobStatuses)[number]

/** The only blob of a job that changes, by compare and swap. */
export interface JobState {
  readonly status: JobStatus
  /** ISO 8601, like the other times. */
  readonly createdAt: string
  readonly startedAt?: string
  readonly endedAt?: string
  /** The reason of a failed job. */
  readonly error?: { readonly code: string; readonly message: string }
  /** Final progress of a job that has ended. */
  readonly progress?: JobProgress
}

export interface JobProgress {
  /** Rows of the input that have been planned so far. */
  readonly rows: number
  readonly succeeded: number
  readonly failed: number
  readonly chunks: number
  readonly chunksDone: number
  /** 0 to 100, of the whole input. */
  readonly percent: number
  /** Only if the input has several files. The second are those whose rows are all scored, or somewhat fewer. */
  readonly files?: number
  readonly filesDone?: number
}

/** Allowed changes of status. A job that has ended does not change. */
export const transitions: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  NotStarted: ['Running', 'CancelRequested', 'Failed'],
  Running: ['Finalizing', 'CancelRequested', 'Failed'],
  // The output may exist already, so it is too late to cancel.
  Finalizing: ['Completed', 'Failed'],
  CancelRequested: ['Canceled', 'Failed'],
  Completed: [],
  Failed: [],
  Canceled: [],
}

export function hasEnded(status: JobStatus): boolean {
  return transitions[status].length === 0
}
