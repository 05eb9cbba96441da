import type { TensorInfo } from '../models/session/model-session.ts'
import type { MissingOptions } from './input/missing-value.ts'

/** What came of one row. */
export type RowResult =
  /** JSON text, as the service answers over HTTP for this row alone. */
  { readonly prediction: string } | { readonly code: string; readonly message: string }

/** One row of an input: JSON text (an array, an object, or a single value), or why it is none. */
export type Row = { readonly json: string } | { readonly code: string; readonly message: string }

/** What `service.json` says of rows. */
export interface RowSettings extends MissingOptions {
  /** Names of the values of a row, in their order. */
  readonly columns?: readonly string[]
}

/** Scores rows of jobs with the engine that serves HTTP, behind it. */
export interface RowScorer {
  /**
   * What decides about the answers of a service: a digest of its models, scripts and definition.
   *
   * @throws ScoringError SERVICE_UNKNOWN
   */
  modelDigest(service: string): Promise<string>

  /**
   * What the service takes, by which columns of CSV and Parquet become rows.
   *
   * @returns undefined: rows are objects by column name
   * @throws ScoringError SERVICE_UNKNOWN; SERVICE_UNAVAILABLE, SERVICE_STOPPING: not to be told here now; AbortError
   */
  inputs(service: string, signal: AbortSignal): Promise<readonly TensorInfo[] | undefined>

  /** What its owner says of rows. @throws ScoringError SERVICE_UNKNOWN */
  rowSettings(service: string): RowSettings

  /**
   * One result per row, in order, each what the row gives alone, whatever is beside it.
   *
   * @param maxRetries  how often a row is scored again whose run failed for no fault of the row
   * @param isTimeUp  from then on no more is begun than it takes to have one result
   * @returns undefined for rows that it was too late for; every call has a result at least
   * @throws ScoringError SERVICE_UNAVAILABLE, SERVICE_STOPPING: nothing can be scored here now; AbortError
   */
  score(
    service: string,
    rows: readonly Row[],
    maxRetries: number,
    signal: AbortSignal,
    isTimeUp: () => boolean,
  ): Promise<(RowResult | undefined)[]>
}
