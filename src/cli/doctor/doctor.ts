import { resolve } from 'node:path'
import { type Finding, formatFindings } from '../finding.ts'
import { findProjectRoot, type ProjectOptions } from '../project.ts'
import { openTerminal } from '../terminal.ts'
import { checkLocalProject } from './local-checks.ts'
import { checkMachine } from './machine-checks.ts'

export interface DoctorOptions extends ProjectOptions {
  readonly json?: boolean
}

/**
 * Prints what is wrong with the machine and the project.
 *
 * @returns whether nothing is an error
 */
export async function runDoctor({ app, models, json }: DoctorOptions): Promise<boolean> {
  const project = findProject(app)
  const findings = [
    ...(await checkMachine(project.root ?? process.cwd())),
    ...(project.root === undefined
      ? [project.finding]
      : await checkLocalProject(project.root, models === undefined ? undefined : resolve(models))),
  ]
  const count = (level: Finding['level']) => findings.filter(each => each.level === level).length
  if (json) {
    console.log(JSON.stringify({ errors: count('error'), warnings: count('warning'), findings }, undefined, 2))
  } else console.log(formatFindings(findings, openTerminal()))
  return count('error') === 0
}

/** The machine can be checked without a project. */
function findProject(app: string | undefined): { root: string } | { root: undefined; finding: Finding } {
  try {
    return { root: app === undefined ? findProjectRoot(process.cwd()) : resolve(app) }
  } catch (failure) {
    return { root: undefined, finding: { level: 'error', subject: 'project', message: (failure as Error).message } }
  }
}
