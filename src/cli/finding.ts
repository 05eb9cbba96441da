import type { Terminal } from './terminal.ts'
import { formatTable } from './terminal.ts'

export const levels = ['ok', 'warning', 'error'] as const

/** What a check has found. */
export interface Finding {
  /** `error`: the app does not run, or not as its owner wants; `warning`: it may. */
  readonly level: (typeof levels)[number]
  /** What was checked, e.g. `Node.js`. */
  readonly subject: string
  /** What was found, and for a problem what to do. */
  readonly message: string
}

export const ok = (subject: string, message: string): Finding => ({ level: 'ok', subject, message })
export const warning = (subject: string, message: string): Finding => ({ level: 'warning', subject, message })
export const error = (subject: string, message: string): Finding => ({ level: 'error', subject, message })

/** Runs a check; a failure of the check itself is an error. */
export async function check(subject: string, find: () => Promise<Finding[]> | Finding[]): Promise<Finding[]> {
  try {
    return await find()
  } catch (failure) {
    return [error(subject, (failure as Error).message)]
  }
}

/** A table with a line for each finding, and how many problems there are. */
export function formatFindings(findings: readonly Finding[], terminal: Terminal): string {
  return `${formatFindingTable(findings, terminal)}\n\n${countProblems(findings)}`
}

/**
 * @param indent      spaces before each line
 * @param levelWidth  characters of the first column at least, for tables below each other
 */
export function formatFindingTable(
  findings: readonly Finding[],
  terminal: Terminal,
  { indent = 0, levelWidth = 0 }: { indent?: number; levelWidth?: number } = {},
): string {
  const colors = { ok: 'green', warning: 'yellow', error: 'red' } as const
  const rows = findings.map(({ level, subject, message }) => [
    terminal.paint(colors[level], level) + ' '.repeat(Math.max(0, levelWidth - level.length)),
    subject,
    message,
  ])
  return formatTable(rows, terminal, { indent, columns: [{}, {}, { overflow: 'wrap' }] })
}

/** `no errors, 1 warning` */
export function countProblems(findings: readonly Finding[]): string {
  return `${describeCount(findings, 'error')}, ${describeCount(findings, 'warning')}`
}

function describeCount(findings: readonly Finding[], level: 'warning' | 'error'): string {
  const count = findings.filter(each => each.level === level).length
  return `${count === 0 ? 'no' : count} ${level}${count === 1 ? '' : 's'}`
}
