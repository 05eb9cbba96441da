import type { PlanCursor } from '../plan-parts.ts'
import type { JobSpec, OutputFormat } from '../spec.ts'

/** What the rows of an output hold beside their index and their prediction or error. */
export interface OutputTable {
  readonly format: OutputFormat
  /** Columns of the input that are copied. */
  readonly include: readonly string[]
}

/** @param planned  where a part of the plan ends; undefined: there is none */
export function outputTable(
  { output: { format, include = [] } }: Pick<JobSpec, 'output'>,
  planned: PlanCursor | undefined,
): OutputTable {
  return { format, include: include === 'all' ? (planned?.columns ?? []) : include }
}
