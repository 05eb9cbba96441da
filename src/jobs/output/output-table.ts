import type { PlanCursor } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { LineForm } from './line-form.ts'

/** What the rows of an output hold. */
export interface OutputTable {
  readonly form: LineForm
  /** Columns of the input that are copied. */
  readonly include: readonly string[]
}

/**
 * @param planned  where a part of the plan ends; undefined: there is none
 * @param file  the input of the rows, if there are several; '' stands for any of them
 */
export function outputTable(
  { output: { format, include = [], columns, isPerFile } }: Pick<JobSpec, 'output'>,
  { columns: inputColumns = [], predictions }: Partial<PlanCursor> = {},
  file?: string,
): OutputTable {
  const named = file !== undefined && !isPerFile && { file }
  const form = {
    format,
    ...(format === 'csv' ? predictions && { parts: predictions } : { members: columns }),
    ...named,
  }
  return { form: form as LineForm, include: include === 'all' ? inputColumns : include }
}
