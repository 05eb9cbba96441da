import type { JobProgress, JobStatus } from '../state.ts'

/** A job as its owner sees it (design: batch jobs). */
export interface JobView {
  readonly jobId: string
  /** Absent: a message that names no service that there is. */
  readonly service?: string
  readonly status: JobStatus
  readonly progress: JobProgress
  readonly createdAt: string
  readonly startedAt?: string
  readonly endedAt?: string
  /** Absent: it was never accepted. */
  readonly output?: {
    /** `<container>/<path>`; there once the status is Completed. */
    readonly blob: string
    readonly format: string
    /** Results of a job that failed or was cancelled: blobs whose names begin so, in the order of the rows. */
    readonly partial?: string
  }
  readonly error?: { readonly code: string; readonly message: string }
}

/** What people do with jobs. */
export interface JobService {
  /**
   * @param submission  as it came, not checked yet
   * @param idempotencyKey  stands for `jobId`
   * @returns the job, also when it was there already with the same content
   * @throws ScoringError JOB_INVALID, JOB_ID_TAKEN, JOB_INPUT_…, JOB_OUTPUT_…, TOO_MANY_JOBS, JOBS_UNAVAILABLE
   */
  submit(service: string, submission: unknown, idempotencyKey?: string): Promise<JobView>
  /**
   * A message on `scoring-jobs`: its fault becomes a failed job that says why. Where its service has too many jobs, it goes
   * back and comes again.
   *
   * @param text  JSON, base64 of JSON, or what a host made of it
   * @param messageId  names a failed job without an id that is free
   * @param isLastTry  what may pass becomes a failed job as well, where it throws otherwise, to be tried again
   */
  submitMessage(text: unknown, messageId: string, isLastTry?: boolean): Promise<void>
  /** @throws ScoringError JOB_UNKNOWN */
  status(service: string, jobId: string): Promise<JobView>
  /** Newest first. @throws ScoringError JOB_LIST_MARKER_INVALID */
  list(service: string, limit: number, marker?: string): Promise<{ jobs: JobView[]; nextMarker?: string }>
  /** @throws ScoringError JOB_UNKNOWN, JOB_NOT_CANCELLABLE */
  cancel(service: string, jobId: string): Promise<JobView>
}

/** What moves jobs on: one method per queue, each safe to be called twice, late, and in any order. */
export interface JobSteps {
  split(message: unknown): Promise<void>
  /** @param attempt  how often the message has been received, from 1 */
  chunk(message: unknown, attempt: number): Promise<void>
  finish(message: unknown): Promise<void>
  /** A message that came to the poison queue of `step`. */
  poisoned(step: 'split' | 'chunk' | 'finish', message: unknown): Promise<void>
  /** Brings back what was dropped. */
  sweep(): Promise<void>
}
