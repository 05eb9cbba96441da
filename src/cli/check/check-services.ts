import { describeBytes } from '../describe.ts'
import { requireServices } from '../local-service.ts'
import { openProject, type ProjectOptions } from '../project.ts'
import { formatTable, openTerminal, type Terminal } from '../terminal.ts'
import { checkProject } from './check-project.ts'
import { checkService, type ServiceCheck } from './check-service.ts'
import { checkTypes } from './check-types.ts'
import { type Finding, type Level, levels } from './finding.ts'

export interface CheckOptions extends ProjectOptions {
  readonly strict?: boolean
  readonly json?: boolean
}

/**
 * Checks services one after the other, and prints a report.
 *
 * @param names  none: all services
 * @returns whether they can be deployed
 */
export async function checkServices(names: readonly string[], options: CheckOptions): Promise<boolean> {
  const project = openProject(options)
  const chosen = await requireServices(project, names)
  const types = checkTypes(project.root)
  const terminal = openTerminal()
  const print = (title: string, findings: readonly Finding[]) => {
    if (!options.json) console.log(`${formatFindings(title, findings, terminal)}\n`)
  }
  const ofProject = await checkProject(project)
  print('project', ofProject)
  // Settings that the app refuses are reported once.
  const usable = ofProject.some(({ level, topic }) => level === 'error' && topic === 'settings')
    ? { ...project, environment: {} }
    : project
  const services: ServiceCheck[] = []
  for (const name of chosen) {
    const checked = await checkService(usable, name, types)
    services.push(checked)
    print(name, checked.findings)
  }
  const all = [...ofProject, ...services.flatMap(({ findings }) => findings)]
  const count = (level: Level) => all.filter(finding => finding.level === level).length
  const [errors, warnings] = [count('error'), count('warning')]
  const isGood = errors === 0 && (!options.strict || warnings === 0)
  if (options.json) console.log(JSON.stringify({ isGood, errors, warnings, project: ofProject, services }, null, 2))
  else console.log(formatSummary({ isGood, errors, warnings, services }, terminal))
  return isGood
}

const colours = { ok: 'green', warning: 'yellow', error: 'red' } as const
const levelWidth = Math.max(...levels.map(level => level.length))

function formatFindings(title: string, findings: readonly Finding[], terminal: Terminal): string {
  const rows = findings.map(({ level, topic, text }) => [
    terminal.paint(colours[level], level.padEnd(levelWidth)),
    topic,
    text,
  ])
  const table = formatTable(rows, terminal, { indent: 2, columns: [{}, {}, { overflow: 'wrap' }] })
  return `${terminal.paint('bold', title)}\n${table}`
}

interface Summary {
  readonly isGood: boolean
  readonly errors: number
  readonly warnings: number
  readonly services: readonly ServiceCheck[]
}

function formatSummary({ isGood, errors, warnings, services }: Summary, { paint }: Terminal): string {
  const bytes = services.reduce((sum, service) => sum + service.bytes, 0)
  const checked = `${services.length} service${services.length === 1 ? '' : 's'}, ${describeBytes(bytes)}`
  const counts = [
    ...(errors > 0 ? [`${errors} error${errors === 1 ? '' : 's'}`] : []),
    ...(warnings > 0 ? [`${warnings} warning${warnings === 1 ? '' : 's'}`] : []),
  ]
  const found = counts.length === 0 ? 'no errors, no warnings' : counts.join(', ')
  return `${paint(isGood ? 'green' : 'red', isGood ? 'Ready to deploy' : 'Not ready to deploy')}: ${checked}, ${found}`
}
