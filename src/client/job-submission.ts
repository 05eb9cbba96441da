/** What is to be scored; guide/batch-jobs.md explains each member. */
export interface JobSubmission {
  /** Identifies the job within its service: the same id with the same content is the same job. Default: a new id. */
  readonly jobId?: string
  /**
   * A blob, `<container>/<path>`, or several by a pattern or a list; a URL with a shared access signature; or the rows themselves, up
   * to 1 MiB.
   */
  readonly input: InputForm &
    (
      | { readonly blob: string }
      | { readonly blobs: readonly string[] }
      | { readonly url: string }
      | { readonly rows: readonly unknown[] }
    )
  /** Where the results go, and in which form. */
  readonly output?: JobOutput
  /** Rows per chunk. */
  readonly miniBatchSize?: number
  /** Most failed rows; -1: any number. */
  readonly errorThreshold?: number
  /** Retries of a row after failures that it did not cause. */
  readonly maxRetries?: number
  /** Where a CloudEvent is sent when the job has ended. */
  readonly onCompleted?: { readonly queue: string } | { readonly url: string }
}

/** How the input is to be read. */
export interface InputForm {
  /** Default: by the extension of the blob, else JSON Lines. */
  readonly format?: 'csv' | 'jsonl' | 'json' | 'parquet'
  /** Whether it is compressed; default: by the extension `.gz`. */
  readonly isGzip?: boolean
  /** Whether the first line of a CSV holds names; default: yes, and a first line that looks like a row is refused. */
  readonly header?: boolean
  /** Columns of a table in the order of the model's input; with `header: false`, the names of all columns from left to right. */
  readonly columns?: readonly string[]
  /** What separates the cells of a CSV; default: a comma. */
  readonly delimiter?: string
  /** What stands around cells of a CSV; default: a double quote; '': nothing. */
  readonly quote?: string
  /** Texts of missing values in a CSV, besides those of pandas. */
  readonly na?: readonly string[]
  /** What stands before the decimals of numbers in a CSV; default: a point. */
  readonly decimal?: '.' | ','
  /** What stands between the thousands of numbers in a CSV; default: nothing. */
  readonly thousands?: ',' | '.' | ' ' | "'" | '_'
}

/** A submission whose input is a file that is sent with it. */
export type FileSubmission = Omit<JobSubmission, 'input'> & { readonly input?: InputForm }

/** What a job writes, and where. */
export interface JobOutput {
  /** `<container>/<path>`, with the variables `{jobId}`, `{service}`, `{date}` and `{name}`; default: a blob of the job. */
  readonly blob?: string
  /** Default: by the extension of the name, otherwise jsonl. */
  readonly format?: 'jsonl' | 'csv' | 'parquet'
  /** Default: by the extension `.gz`. */
  readonly isGzip?: boolean
  /** Columns of the input that are copied to the output, e.g. an id; `all`: every column. */
  readonly include?: readonly string[] | 'all'
  /** Outputs of the model, or members of what the script returns, that are written; default: all. */
  readonly columns?: readonly string[]
  /** Whether a blob of this name is replaced at the end of the job. */
  readonly overwrite?: boolean
  /** `summary_only`: there is no output, only the counts of the status. */
  readonly action?: 'append_row' | 'summary_only'
}
