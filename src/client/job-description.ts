import type { JobOutput } from './job-submission.ts'

/** As Azure ML calls them. */
export type JobStatus =
  | 'NotStarted'
  | 'Running'
  | 'Finalizing'
  | 'Completed'
  | 'Failed'
  | 'CancelRequested'
  | 'Canceled'

/** A job as the service shows it. */
export interface JobDescription {
  /** The id of the submission, or the one that was made for it. */
  readonly jobId: string
  /** Its service. */
  readonly service?: string
  /** Where it stands. */
  readonly status: JobStatus
  /** How far it is. */
  readonly progress: {
    /** Rows of the input that are known so far. */
    readonly rows: number
    /** Rows that have a prediction. */
    readonly succeeded: number
    /** Rows that have an error. */
    readonly failed: number
    /** Parts into which the input was split so far. */
    readonly chunks: number
    /** Those whose rows are all scored. */
    readonly chunksDone: number
    /** 0 to 100, of the whole input. */
    readonly percent: number
    /** Only if the input has several. */
    readonly files?: number
    readonly filesDone?: number
  }
  /** ISO 8601, as the other times. */
  readonly createdAt: string
  /** When the input was first read. */
  readonly startedAt?: string
  /** When it completed, failed or was cancelled. */
  readonly endedAt?: string
  /** When a completed job ended. */
  readonly completedAt?: string
  /** On average since it started. */
  readonly rowsPerSecond?: number
  /** At this rate, until all rows are scored. */
  readonly remainingSeconds?: number
  /** Why a step had to be tried again last, while the job has not ended. */
  readonly lastError?: { readonly code: string; readonly message: string; readonly at: string }
  /** Whether the event of its end was sent. */
  readonly event?: {
    readonly attempts: number
    readonly deliveredAt?: string
    readonly isGivenUp?: boolean
    readonly lastError?: string
  }
  /** Answer to its deletion: the job is gone, and its files are being removed. */
  readonly isDeleted?: boolean
  /** Where its results are, once it has completed. */
  readonly output?: {
    /** `<container>/<path>` */
    readonly blob: string
    /** `jsonl`, `csv` or `parquet`. */
    readonly format: string
    /** Whether it is compressed. */
    readonly isGzip?: boolean
    /** Columns of the input that were copied. */
    readonly include?: JobOutput['include']
    /** Outputs of the model, or members of what its script returns, that were written. */
    readonly columns?: readonly string[]
    /** The results so far of a job that failed or was cancelled: `<container>/<path>`. */
    readonly partial?: string
  }
  /** Why it failed, with a stable code. */
  readonly error?: { readonly code: string; readonly message: string }
}

/** The result of one row: its prediction, or why it has none. */
export type RowResult<Prediction = unknown> = {
  /** Number of the row in its file, from 0. */
  readonly index: number
  /** Its file, if the input has several: `<container>/<path>`. */
  readonly file?: string
  /** Columns of the input that the submission includes: texts of a CSV, values of JSON or Parquet; null where the row could not be read. */
  readonly columns?: Readonly<Record<string, unknown>>
} & (
  | { readonly prediction: Prediction; readonly error?: undefined }
  | { readonly prediction?: undefined; readonly error: { readonly code: string; readonly message: string } }
)
