import type { TensorInfo } from '../models/session/model-session.ts'
import type { Span } from '../telemetry/tracing.ts'
import type { CsvDialect } from './csv-dialect.ts'
import type { JobFolder } from './layout.ts'
import type { LineForm } from './line-form.ts'

/** The outcome of one row. */
export type RowResult =
  /** JSON text that the service returns over HTTP for this row alone. */
  { readonly prediction: string } | { readonly code: string; readonly message: string }

/** One row of an input: JSON text (an array, an object or a single value), or why it cannot be read. */
export type Row = (
  | /** `isEncrypted`: it is the body of a request whose features are encrypted. */
  { readonly json: string; readonly isEncrypted?: boolean }
  | { readonly code: string; readonly message: string }
) & {
  /** Where it begins in its file, from 1; absent: that is not known, or is no text. */
  readonly line?: number
}

export interface MissingOptions {
  /** `nan` (default) reads a missing number of a floating-point input as NaN; `error` fails the row, also for infinities. */
  readonly missing?: 'nan' | 'error' | undefined
}

/** Settings of `service.json` for rows. */
export interface RowSettings extends MissingOptions {
  /** A row may be the body of a request whose features are encrypted. */
  readonly takesEncrypted?: boolean
  /** Names of the values of a row, in order. */
  readonly columns?: readonly string[]
}

/** Text of whole rows, or packed columns of them. */
export interface TextOfRows {
  /** In memory that threads share, or that is copied. */
  readonly content: Uint8Array
  /** The content is that of `PackedColumns`, and no text. */
  readonly isPacked?: boolean
  readonly rowCount: number
  /** Index of the first row in the whole input. */
  readonly firstRow: number
  /** Line of its file in which the text begins, from 1; absent as that of rows. */
  readonly firstLine?: number | undefined
  readonly reading: RowReading
  readonly form: LineForm
}

/** How the rows of a text are read. */
export interface RowReading extends Omit<RowSettings, 'columns'> {
  /** JSON Lines, records of a CSV without its header, or elements of a JSON array with commas between them. */
  readonly format: 'jsonl' | 'csv' | 'json'
  /** Of the CSV. */
  readonly dialect?: CsvDialect | undefined
  /** Columns of the CSV from left to right, or names of the values of the records of JSON. */
  readonly columns?: readonly string[] | undefined
  /** Columns that hold the values of a row, in the order of the model input. */
  readonly names?: readonly string[] | undefined
  readonly maxRowBytes: number
}

/** Some of the rows of a text that follow each other, by their indexes in the text. */
export interface ScoredPiece {
  readonly from: number
  readonly rowCount: number
  readonly outcome:
    | { readonly lines: Uint8Array; readonly failed: number }
    /** For rows that were scored one by one. */
    | { readonly results: readonly (RowResult | undefined)[] }
}

/** The chunk that rows belong to: requests are named by it, for what is told of a crash. */
export interface RowsOfChunk {
  readonly folder: JobFolder
  readonly chunk: number
  /** Of the rows in the chunk, in ascending order; absent: they are all of them. */
  readonly indexes?: readonly number[]
}

export interface ScoreOptions {
  /** Retries of a row after failures that the row did not cause. */
  readonly maxRetries: number
  /** The digest that the service must have; absent: any. */
  readonly modelDigest?: string
  readonly signal: AbortSignal
  /** Gets each run as a part; absent: runs are not traced. */
  readonly span?: Span | undefined
  /** Whether each row has a request of its own, and none begins before the last one is answered. */
  readonly isOneByOne?: boolean
  /** Absent: requests have no name. */
  readonly origin?: RowsOfChunk
  /** Once so many milliseconds have passed since the call, no more rows are started. */
  readonly budgetMs: number
}

/** What the rows of a job and their predictions are like, beside the inputs. */
export interface ServiceTraits {
  /** Names of the inputs that a row may leave out. */
  readonly optionalInputs: readonly string[]
  /** Of the model that answers; undefined where a script does. */
  readonly outputs: readonly TensorInfo[] | undefined
  /** How many times as long as its row a prediction may be; 1 unless it is encrypted. */
  readonly predictionRatio: number
}

/** The port to the services: scores rows of jobs behind the requests of HTTP callers. */
export interface RowScorer {
  /**
   * Digest of the models, scripts and definition of a service.
   *
   * @throws ScoringError SERVICE_UNKNOWN
   */
  modelDigest(service: string): Promise<string>

  /**
   * Inputs of the service, by which columns of CSV and Parquet become rows.
   *
   * @returns undefined when rows are objects by column name
   * @throws ScoringError SERVICE_UNKNOWN; SERVICE_UNAVAILABLE or SERVICE_STOPPING when this instance cannot tell now; AbortError
   */
  inputs(service: string, signal: AbortSignal): Promise<readonly TensorInfo[] | undefined>

  /** @throws as `inputs` */
  traits(service: string, signal: AbortSignal): Promise<ServiceTraits>

  /** @throws ScoringError SERVICE_UNKNOWN */
  rowSettings(service: string): Promise<RowSettings>

  /**
   * Scores rows. Each result is that of its row alone, whatever rows are beside it.
   *
   * @returns one result per row, in order; undefined for rows that were not scored in time. At least one is scored.
   * @throws JobFailure MODEL_CHANGED
   * @throws ScoringError SERVICE_UNAVAILABLE or SERVICE_STOPPING when this instance cannot score now; AbortError
   */
  score(service: string, rows: readonly Row[], options: ScoreOptions): Promise<(RowResult | undefined)[]>

  /**
   * Does the same for rows as they stand in the input, from text to lines of the output without a detour by JSON where rows
   * become tensors. Each line is that of `score`.
   *
   * @returns what was scored in time, in order; undefined when the rows have to be read, and given to `score`
   * @throws as `score`
   */
  scoreText(service: string, text: TextOfRows, options: ScoreOptions): Promise<readonly ScoredPiece[] | undefined>
}
