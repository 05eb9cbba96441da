import { ScoringError } from '../../errors.ts'
import type { BlobStore } from '../blob-store.ts'
import { jobsContainer, listEntryBlob, listPrefix } from '../layout.ts'
import { type JobView, readJobView } from './job-view.ts'
import { findJob } from './stored-job.ts'

/** As `listEntryBlob` makes names: time, then id. */
const markerPattern = /^\d{13}_[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/**
 * Jobs of a service, newest first.
 *
 * @param marker  `nextMarker` of the page before
 * @throws ScoringError JOB_LIST_MARKER_INVALID
 */
export async function listJobs(
  store: BlobStore,
  service: string,
  limit: number,
  marker = '',
): Promise<{ jobs: JobView[]; nextMarker?: string }> {
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
      // A submission that came to nothing has left its name, too.
      const isIts = job?.service === service && name === nameOf(service, job.createdAt, job.jobId)
      return isIts ? readJobView(store, job) : undefined
    }),
  )
  return views.filter(view => view !== undefined)
}

function nameOf(service: string, createdAt: string, jobId: string): string {
  return listEntryBlob(service, Date.parse(createdAt), jobId).path.slice(listPrefix(service).length)
}
