import { ScoringError } from '../../errors.ts'
import type { JobQuery } from '../../jobs/requests/list-jobs.ts'
import { type JobStatus, jobStatuses } from '../../jobs/state.ts'
import type { WireRequest } from '../http/wire.ts'

const defaultListed = 20
const maxListed = 100
/** ISO 8601, with at least a day; without an offset it is UTC. */
const timePattern = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/
const members = ['limit', 'marker', 'status', 'since']
/** A key of Azure Functions may be in the query. */
const ofAzure = ['code', 'clientId']

/**
 * Reads `?limit=`, `?marker=`, `?status=` (several with commas) and `?since=`.
 *
 * @throws ScoringError JOB_INVALID naming the member
 */
export function readJobQuery(query: WireRequest['query']): JobQuery {
  const given = new Map<string, string>()
  for (const [name, value] of query.entries()) {
    if (given.has(name) && members.includes(name)) throw invalid(`${name}: is given twice; ${hintFor(name)}`)
    given.set(name, value)
  }
  const unknown = [...given.keys()].find(name => !members.includes(name) && !ofAzure.includes(name))
  if (unknown !== undefined) {
    throw invalid(`${JSON.stringify(unknown.slice(0, 40))}: is not known; the list takes ${members.join(', ')}`)
  }
  return {
    limit: readLimit(given.get('limit') ?? String(defaultListed)),
    marker: given.get('marker'),
    statuses: readStatuses(given.get('status')),
    since: readTime(given.get('since')),
  }
}

function hintFor(name: string): string {
  return name === 'status' ? 'name several in one, with commas: ?status=Failed,Canceled' : 'give it once'
}

function readLimit(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= maxListed) return Number(text)
  throw invalid(`limit: is "${text.slice(0, 20)}"; it must be a whole number from 1 to ${maxListed}`)
}

function readStatuses(text: string | undefined): readonly JobStatus[] | undefined {
  return text?.split(',').map(word => {
    const status = jobStatuses.find(each => each === word)
    if (status) return status
    throw invalid(`status: is "${word.slice(0, 20)}"; it must be ${jobStatuses.join(', ')}, or several with commas`)
  })
}

function readTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  // In a query, an offset that begins with a bare "+" reads as a space.
  const time = text.replace(' ', '+')
  const hasOffset = /(Z|[+-]\d\d:\d\d)$/.test(time.slice(10))
  const since = timePattern.test(time) ? Date.parse(time.length > 10 && !hasOffset ? `${time}Z` : time) : Number.NaN
  if (!Number.isNaN(since)) return since
  throw invalid(`since: is "${text.slice(0, 40)}"; it must be a time such as 2026-11-28 or 2026-11-28T08:00:00Z`)
}

function invalid(message: string): ScoringError {
  return new ScoringError('JOB_INVALID', message)
}
