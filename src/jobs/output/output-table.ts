import type { Dtype } from '../../tensor/dtype.ts'
import type { LineForm } from '../line-form.ts'
import type { PlanCursor } from '../plan-parts.ts'
import type { JobSpec, OutputFormat } from '../spec.ts'

/** What the rows of an output hold. */
export interface OutputTable {
  readonly format: OutputFormat
  readonly isGzip: boolean
  /** The lines that rows are first written as: Parquet is made of those of a CSV. */
  readonly form: LineForm
  /** Columns of the input that are copied. */
  readonly include: readonly string[]
  /** Their types, where the input has some. */
  readonly types: ReadonlyMap<string, Dtype>
  /** They are copied from a CSV; otherwise from JSON. */
  readonly includesText: boolean
}

/**
 * @param planned  where a part of the plan ends; undefined: there is none
 * @param file  the input of the rows, if there are several; '' stands for any of them
 */
export function outputTable(
  { input, output: { format, isGzip, include = [], columns, isPerFile } }: Pick<JobSpec, 'output' | 'input'>,
  { columns: inputColumns = [], types = {}, predictions }: Partial<PlanCursor> = {},
  file?: string,
): OutputTable {
  const named = file !== undefined && !isPerFile && { file }
  const form: LineForm =
    format === 'jsonl'
      ? { format, ...(columns && { members: columns }), ...named }
      : { format: 'csv', ...(predictions && { parts: predictions }), ...named }
  return {
    ...{ format, isGzip: isGzip === true, form },
    include: include === 'all' ? inputColumns : include,
    types: new Map(Object.entries(types)),
    includesText: input.format === 'csv',
  }
}
