/** Azure ML's words for how a job stands. */
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

/** The one blob of a job that changes, each time by comparing its version first. */
export interface JobState {
  readonly status: JobStatus
  /** ISO 8601, each. */
  readonly createdAt: string
  readonly startedAt?: string
  readonly endedAt?: string
  /** Why it failed. */
  readonly error?: { readonly code: string; readonly message: string }
  /** What was counted when it ended. */
  readonly progress?: JobProgress
}

export interface JobProgress {
  /** Rows of the input, as far as they have been counted. */
  readonly rows: number
  readonly succeeded: number
  readonly failed: number
  readonly chunks: number
  readonly chunksDone: number
  /** 0 to 100, of the whole input. */
  readonly percent: number
}

/** From where a job may go to where. What has ended stays as it is. */
export const transitions: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  NotStarted: ['Running', 'CancelRequested', 'Failed'],
  Running: ['Finalizing', 'CancelRequested', 'Failed'],
  // Its output may be there already: too late to cancel.
  Finalizing: ['Completed', 'Failed'],
  CancelRequested: ['Canceled', 'Failed'],
  Completed: [],
  Failed: [],
  Canceled: [],
}

export function hasEnded(status: JobStatus): boolean {
  return transitions[status].length === 0
}
