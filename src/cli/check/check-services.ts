import { describeBytes } from '../describe.ts'
import { countProblems, type Finding, formatFindingTable } from '../finding.ts'
import { openProject, type ProjectOptions } from '../project.ts'
import { listServiceNames } from '../service-names.ts'
import { displayWidth, openTerminal } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'
import { checkProject } from './check-project.ts'
import { checkService, type ServiceCheck } from './check-service.ts'
import { checkTypes } from './check-types.ts'
import { formatSummary } from './summary.ts'

export interface CheckOptions extends ProjectOptions {
  readonly strict?: boolean
  readonly verbose?: boolean
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
  if (project.container !== undefined && options.models === undefined) {
    const copied = 'name the folder whose files you put there with --models'
    throw new UsageError(
      `SCORING_MODELS is ${JSON.stringify(project.container)}, and this command reads a folder: ${copied}`,
    )
  }
  const chosen = await listServiceNames(project.modelsDir, names)
  const types = checkTypes(project.root)
  const terminal = openTerminal()
  // Who names a service wants to know about it, and who checks all of them which one is not in order.
  const isFull = options.verbose === true || names.length > 0
  const titleWidth = Math.max(...['project', ...chosen].map(displayWidth))
  const print = (title: string, findings: readonly Finding[]) => {
    if (options.json) return
    if (isFull)
      console.log(`${terminal.paint('bold', title)}\n${formatFindingTable(findings, terminal, { indent: 2 })}\n`)
    else console.log(formatSummary(title, findings, terminal, titleWidth))
  }
  const ofProject = await checkProject(project)
  print('project', ofProject)
  // Settings that the app refuses are reported once.
  const usable = ofProject.some(({ level, subject }) => level === 'error' && subject === 'settings')
    ? { ...project, environment: {} }
    : project
  const services: ServiceCheck[] = []
  for (const name of chosen) {
    const checked = await checkService(usable, name, types)
    services.push(checked)
    print(name, checked.findings)
  }
  const all = [...ofProject, ...services.flatMap(({ findings }) => findings)]
  const count = (level: Finding['level']) => all.filter(finding => finding.level === level).length
  const [errors, warnings] = [count('error'), count('warning')]
  const isGood = errors === 0 && (!options.strict || warnings === 0)
  if (options.json) console.log(JSON.stringify({ isGood, errors, warnings, project: ofProject, services }, null, 2))
  else {
    const bytes = services.reduce((sum, service) => sum + service.bytes, 0)
    const state = terminal.paint(isGood ? 'green' : 'red', isGood ? 'Ready to deploy' : 'Not ready to deploy')
    const checked = `${services.length} service${services.length === 1 ? '' : 's'}, ${describeBytes(bytes)}`
    console.log(`${isFull ? '' : '\n'}${state}: ${checked}, ${countProblems(all)}`)
    if (!isFull) console.log('All that was checked: npx scoring check --verbose, or with the name of a service')
  }
  return isGood
}
