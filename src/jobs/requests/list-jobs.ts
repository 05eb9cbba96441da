import { ScoringError } from '../../errors.ts'
import type { BlobStore } from '../blob-store.ts'
import { jobsContainer, listEntryBlob, listPrefix } from '../layout.ts'
import { findJob } from '../stored-job.ts'
import { type JobView, readJobView } from './job-view.ts'

/** The name of a list entry (`listEntryBlob`): time, then id. */
const markerPattern = /^\d{13}_[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

export interface JobPage {
  readonly jobs: JobView[]
  /** Absent on the last page. */
  readonly nextMarker?: string
}

/**
 * Lists the jobs of a service, newest first.
 *
 * @param marker  `nextMarker` of the previous page
 * @throws ScoringError JOB_LIST_MARKER_INVALID
 */
export async function listJobs(
  store: BlobStore,
  service: string,
  { limit, marker = '' }: { readonly limit: number; readonly marker?: string },
): Promise<JobPage> {
  if (marker !== '' && !markerPattern.test(marker)) {
    throw new ScoringError('JOB_LIST_MARKER_INVALID', 'marker: must be the "nextMarker" of a list')
  }
  const prefix = listPrefix(service)
  const names: string[] = []
  for await (const { path } of store.list(jobsContainer, prefix)) {
    const name = path.slice(prefix.length)
    if (name <= marker) continue
    if (names.length === limit) {
      return { jobs: await readJobViews(store, service, names), nextMarker: names.at(-1) as string }
    }
    names.push(name)
  }
  return { jobs: await readJobViews(store, service, names) }
}

async function readJobViews(store: BlobStore, service: string, names: readonly string[]): Promise<JobView[]> {
  const views = await Promise.all(
    names.map(async name => {
      const job = await findJob(store, service, name.slice(name.indexOf('_') + 1))
      // An interrupted submission leaves an entry without a job, or with that of a later one.
      const isItsEntry = job?.service === service && name === entryName(service, job.createdAt, job.jobId)
      return isItsEntry ? readJobView(store, job) : undefined
    }),
  )
  return views.filter(view => view !== undefined)
}

function entryName(service: string, createdAt: string, jobId: string): string {
  return listEntryBlob(service, Date.parse(createdAt), jobId).path.slice(listPrefix(service).length)
}
