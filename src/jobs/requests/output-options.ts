/** What becomes of the output of a job: its name, whether it may replace another blob, and whether there is one. */
import * as z from 'zod'
import { blobNameFault } from './blob-name.ts'
import { invalidJob } from './job-invalid.ts'

export const outputOptions = {
  overwrite: z
    .boolean()
    .optional()
    .describe('whether a blob of this name is replaced, once all rows are scored; default: false'),
  action: z
    .enum(['append_row', 'summary_only'])
    .optional()
    .describe('append_row (default): a line for each row; summary_only: no output, only the counts of the status'),
}

/** What the variables of a name stand for. */
export interface NameVariables {
  readonly jobId: string
  readonly service: string
  /** Undefined when the input has no name. */
  readonly input: string | undefined
}

/**
 * Replaces the variables in the name of an output, but for `{date}`, which is known with the job.
 *
 * @param template  e.g. `output/{date}/{name}.jsonl`
 * @throws ScoringError JOB_INVALID for an unknown variable or a single brace, and when the name is none of a blob
 */
export function resolveOutputName(template: string, { jobId, service, input }: NameVariables): string {
  const values: Readonly<Record<string, string | undefined>> = {
    jobId,
    service,
    date: '{date}',
    name: input === undefined ? undefined : plainName(input),
  }
  const rest = template.replace(/\{[^{}]*\}/g, '')
  if (/[{}]/.test(rest)) throw invalidJob(`output.blob: "${template}" has a brace without its other half`)
  const name = template.replace(/\{([^{}]*)\}/g, (_, variable: string) => {
    const value = Object.hasOwn(values, variable) ? values[variable] : undefined
    if (value !== undefined) return value
    const known = Object.keys(values).map(each => `{${each}}`)
    const why = variable === 'name' ? 'the input has no name' : `there are ${known.join(', ')}`
    throw invalidJob(`output.blob: {${variable.slice(0, 60)}} stands for nothing: ${why}`)
  })
  const fault = blobNameFault(name)
  if (fault !== undefined) throw invalidJob(`output.blob: "${name}" is no name of a blob: ${fault}`)
  return name
}

/** @param createdAt  ISO 8601 */
export function fillDate(name: string, createdAt: string): string {
  return name.replaceAll('{date}', createdAt.slice(0, 10))
}

/** @param path  e.g. `input/may/patients.csv.gz` @returns the name of the file without its endings, e.g. `patients` */
export function plainName(path: string): string {
  const file = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  return file.replace(/\.gz$/i, '').replace(/(?<=.)\.[A-Za-z0-9]+$/, '')
}
