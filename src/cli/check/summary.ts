import { type Finding, formatFindingTable, levels } from '../finding.ts'
import { displayWidth, type Terminal } from '../terminal.ts'

/** What is told of a service that is in order; of the project, what was checked. */
const told = ['version', 'load', 'rows', 'sample']

/**
 * Lays out what was found of a service: its problems, or one line if there is none.
 *
 * @param titleWidth  characters of the longest title, so that the lines of all services are aligned
 */
export function formatSummary(
  title: string,
  findings: readonly Finding[],
  terminal: Terminal,
  titleWidth: number,
): string {
  const problems = findings.filter(({ level }) => level !== 'ok')
  const facts = told.flatMap(subject => findings.filter(each => each.subject === subject).map(describeBriefly))
  const name = title + ' '.repeat(titleWidth - displayWidth(title))
  const lines: Finding[] =
    problems.length > 0
      ? problems.map(({ level, subject, message }) => ({ level, subject: name, message: `${subject}: ${message}` }))
      : [
          {
            level: 'ok',
            subject: name,
            message: (facts.length > 0 ? facts : findings.map(({ subject }) => subject)).join(', '),
          },
        ]
  return formatFindingTable(lines, terminal, { levelWidth: Math.max(...levels.map(displayWidth)) })
}

/** A message begins with the fact; reasons and advice follow after `:`, `;` or in brackets. */
function describeBriefly({ subject, message }: Finding): string {
  const [fact = ''] = message.split(/[:;(]/)
  return subject === 'version' ? `version ${fact.trim()}` : fact.trim()
}
