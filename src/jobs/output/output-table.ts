import type { PlanCursor } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { LineForm } from './line-form.ts'

/** What the rows of an output hold. */
export interface OutputTable {
  readonly form: LineForm
  /** Columns of the input that are copied. */
  readonly include: readonly string[]
}

/** @param planned  where a part of the plan ends; undefined: there is none */
export function outputTable(
  { output: { format, include = [], columns } }: Pick<JobSpec, 'output'>,
  { columns: inputColumns = [], predictions }: Partial<PlanCursor> = {},
): OutputTable {
  const form = format === 'csv' ? { format, ...(predictions && { parts: predictions }) } : { format, members: columns }
  return { form: form as LineForm, include: include === 'all' ? inputColumns : include }
}
