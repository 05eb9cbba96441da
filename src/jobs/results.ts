/** What is known of the results of a job without reading them. */

/** The result of one chunk, as its writer knows it and listings show it. */
export interface KnownResult {
  readonly chunk: number
  readonly rows: number
  readonly failed: number
  /** Of its part of the output. */
  readonly bytes: number
  /** Where that stands in its blob: from `start`, up to but not including `end`. */
  readonly start: number
  readonly end: number
  readonly etag: string
  /** Index of its first row in the whole input. */
  readonly first: number
  /** Place of its file in the list of files; 0 when there is one. */
  readonly file: number
  /** Id of its block of the output. */
  readonly block: string
}

export interface ListedResult extends KnownResult {
  readonly modifiedAt: number
}

/** Totals over several results. */
export interface ResultTotals {
  readonly chunks: number
  readonly rows: number
  readonly failed: number
  readonly bytes: number
}

/** What a process has found when it closed a part or a job. */
export interface AllResults {
  readonly totals: ResultTotals
  /** In the order of the chunks; absent: they are not all known. */
  readonly results?: readonly KnownResult[]
}
