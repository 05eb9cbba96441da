import { ScoringError } from '../../errors.ts'
import type { BlobStore, ListedBlob } from '../blob-store.ts'
import { jobsContainer, listEntryBlob, listEntryTime, listPrefix } from '../layout.ts'
import { type JobView, readJobView } from '../output/job-view.ts'
import { decodeEntry } from '../output/list-entry.ts'
import type { JobStatus } from '../state.ts'
import { findJob } from '../stored-job.ts'

/** The name of a list entry (`listEntryBlob`): time, then id. */
const markerPattern = /^\d{13}_[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

export interface JobQuery {
  readonly limit: number
  /** `nextMarker` of the previous page. */
  readonly marker?: string | undefined
  /** Absent: any status. */
  readonly statuses?: readonly JobStatus[] | undefined
  /** Jobs that were created at this time or later, in milliseconds since 1970. */
  readonly since?: number | undefined
}

export interface JobPage {
  readonly jobs: JobView[]
  /** Absent on the last page. */
  readonly nextMarker?: string
}

/** Jobs whose own blobs are read at a time. */
const concurrency = 20

/**
 * Lists the jobs of a service, newest first. Of those that have ended, the listing itself says everything.
 *
 * @throws ScoringError JOB_LIST_MARKER_INVALID
 */
export async function listJobs(store: BlobStore, service: string, query: JobQuery): Promise<JobPage> {
  const { limit, marker = '', statuses } = query
  if (marker !== '' && !markerPattern.test(marker)) {
    throw new ScoringError('JOB_LIST_MARKER_INVALID', 'marker: must be the "nextMarker" of a list')
  }
  const found: { readonly name: string; readonly view: JobView }[] = []
  for await (const group of inGroups(listEntries(store, service, query))) {
    const views = await Promise.all(group.map(entry => readEntry(store, service, entry)))
    for (const [index, { name }] of group.entries()) {
      const view = views[index]
      if (view && (!statuses || statuses.includes(view.status))) found.push({ name, view })
    }
    if (found.length > limit) break
  }
  const page = found.slice(0, limit)
  const jobs = page.map(({ view }) => view)
  return found.length > limit ? { jobs, nextMarker: page.at(-1)?.name as string } : { jobs }
}

interface Entry extends ListedBlob {
  readonly name: string
}

async function* listEntries(
  store: BlobStore,
  service: string,
  { marker = '', since = Number.NEGATIVE_INFINITY }: JobQuery,
): AsyncGenerator<Entry> {
  const prefix = listPrefix(service)
  for await (const blob of store.list(jobsContainer, prefix)) {
    const name = blob.path.slice(prefix.length)
    if (name <= marker) continue
    if (listEntryTime(name) < since) return // all others are older
    yield { ...blob, name }
  }
}

async function* inGroups(entries: AsyncIterable<Entry>): AsyncGenerator<readonly Entry[]> {
  let group: Entry[] = []
  for await (const entry of entries) {
    if (group.push(entry) < concurrency) continue
    yield group
    group = []
  }
  yield group
}

/** @returns undefined when an interrupted submission left the entry without a job, or with that of a later one */
async function readEntry(store: BlobStore, service: string, { name, metadata }: Entry): Promise<JobView | undefined> {
  const view = decodeEntry(metadata)
  if (view) return view
  const job = await findJob(store, service, name.slice(name.indexOf('_') + 1))
  const isItsEntry = job?.service === service && name === entryName(service, job.createdAt, job.jobId)
  return isItsEntry ? readJobView(store, job) : undefined
}

function entryName(service: string, createdAt: string, jobId: string): string {
  return listEntryBlob(service, Date.parse(createdAt), jobId).path.slice(listPrefix(service).length)
}
