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
