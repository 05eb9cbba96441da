import type { JobDescription } from '../../client/index.ts'
import { type Column, formatList, type Terminal } from '../terminal.ts'

/** An id is never cut, because the other commands need it: a narrow terminal rather lacks the time, which the order tells. */
const columns: readonly Column[] = [
  { title: 'JOB' },
  { title: 'STATUS' },
  { title: 'DONE', align: 'right' },
  { title: 'ROWS', align: 'right' },
  { title: 'FAILED', align: 'right' },
  { title: 'SUBMITTED (UTC)', overflow: 'cut' },
]

/** @returns a table with a line for each job */
export function describeJobs(jobs: readonly JobDescription[], terminal: Terminal): string {
  const rows = jobs.map(job => [
    job.jobId,
    job.status,
    `${Math.floor(job.progress.percent)}%`,
    String(job.progress.rows),
    String(job.progress.failed),
    job.createdAt.slice(0, 16).replace('T', ' '),
  ])
  return formatList(rows, terminal, columns)
}
