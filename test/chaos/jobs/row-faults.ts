/** Whether the lines of an output are those of its rows. */
import type { ChaosJob, ChaosOutput, OutputRow } from './job-maker.ts'
import { type Line, type OutputForm, readLines } from './read-output.ts'
import { type Expected, wrongWidth } from './rows.ts'

const wrongWidthCodes = ['INPUT_SHAPE_MISMATCH', 'INPUT_RAGGED', 'ROW_RAGGED']

/** Each row once, in order, with what it gives. */
export async function findRowFaults(output: ChaosOutput, content: Buffer): Promise<string[]> {
  const lines = await read(output, content)
  if (typeof lines === 'string') return [`${output.blob}: ${lines}`]
  const faults: string[] = []
  if (lines.length !== output.rows.length) faults.push(`it has ${lines.length} rows, not ${output.rows.length}`)
  for (const [at, line] of lines.entries()) {
    const row = output.rows[at]
    if (row && !isLineFor(output, row, line)) faults.push(`line ${at} is ${show(line)} instead of ${show(row)}`)
    if (faults.length > 5) break
  }
  return faults.map(fault => `${output.blob}: ${fault}`)
}

/**
 * Of the results of a job that has not completed: each is that of one of its rows, and none is there twice.
 *
 * @param chunks  contents of the blobs, by name and in the order of their names
 */
export async function findPartialFaults(
  job: ChaosJob,
  chunks: readonly (readonly [string, Buffer])[],
): Promise<string[]> {
  const [form] = job.outputs
  if (!form) return []
  const left = job.outputs.flatMap(({ rows }) => rows)
  const isInOrder = job.outputs.length === 1
  let next = 0
  for (const [name, content] of chunks) {
    const lines = await read(form, content)
    if (typeof lines === 'string') return [`${name}: ${lines}`]
    for (const line of lines) {
      // Of several outputs, lines do not tell which file they are of.
      const at = left.findIndex((row, at) => at >= next && isLineFor(form, row, line))
      if (at < 0) return [`${name}: ${show(line)} is that of no row, or there twice`]
      if (isInOrder) next = at + 1
      else left.splice(at, 1)
    }
  }
  return []
}

async function read(form: OutputForm, content: Buffer): Promise<Line[] | string> {
  try {
    return await readLines(form, content)
  } catch (failure) {
    return `its ${content.length} bytes cannot be read: ${(failure as Error).message}`
  }
}

function isLineFor({ hasId, hasFile }: OutputForm, row: OutputRow, line: Line): boolean {
  return (
    line.index === row.index &&
    line.file === (hasFile ? row.file : undefined) &&
    line.id === (hasId ? row.id : undefined) &&
    isSame(row.expected, line)
  )
}

function isSame(expected: Expected, { prediction, code = '' }: Line): boolean {
  if ('prediction' in expected) return code === '' && prediction === expected.prediction
  return expected.code === wrongWidth ? wrongWidthCodes.includes(code) : code === expected.code
}

function show(value: object): string {
  return JSON.stringify(value)
}
