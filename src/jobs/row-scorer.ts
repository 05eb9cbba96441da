import type { TensorInfo } from '../models/session/model-session.ts'

/** The outcome of one row. */
export type RowResult =
  /** JSON text that the service returns over HTTP for this row alone. */
  { readonly prediction: string } | { readonly code: string; readonly message: string }

/** One row of an input: JSON text (an array, an object or a single value), or why it cannot be read. */
export type Row =
  /** `isEncrypted`: it is the body of a request whose features are encrypted. */
  { readonly json: string; readonly isEncrypted?: boolean } | { readonly code: string; readonly message: string }

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

export interface ScoreOptions {
  /** Retries of a row after failures that the row did not cause. */
  readonly maxRetries: number
  /** The digest that the service must have; absent: any. */
  readonly modelDigest?: string
  readonly signal: AbortSignal
  /** Once it is true, no more rows are started. */
  isTimeUp(): boolean
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

  /**
   * How many times as long as its row a prediction may be; 1 unless it is encrypted.
   *
   * @throws as `inputs`
   */
  predictionRatio(service: string, signal: AbortSignal): Promise<number>

  /** @throws ScoringError SERVICE_UNKNOWN */
  rowSettings(service: string): RowSettings

  /**
   * Scores rows. Each result is that of its row alone, whatever rows are beside it.
   *
   * @returns one result per row, in order; undefined for rows that were not scored in time. At least one is scored.
   * @throws JobFailure MODEL_CHANGED
   * @throws ScoringError SERVICE_UNAVAILABLE or SERVICE_STOPPING when this instance cannot score now; AbortError
   */
  score(service: string, rows: readonly Row[], options: ScoreOptions): Promise<(RowResult | undefined)[]>
}
