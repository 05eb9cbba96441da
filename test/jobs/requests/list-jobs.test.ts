import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { listEntryBlob, stateBlob } from '../../../src/jobs/layout.ts'
import { closeListEntry } from '../../../src/jobs/output/list-entry.ts'
import { type JobQuery, listJobs } from '../../../src/jobs/requests/list-jobs.ts'
import type { JobStatus } from '../../../src/jobs/state.ts'
import { MemoryBlobStore } from '../../support/memory-blob-store.ts'
import { folder, JobBench, job } from '../job-bench.ts'

const start = Date.UTC(2026, 0, 1)
const createdAt = '2026-01-01T00:00:00.000Z'
const entry = listEntryBlob('iris', start, job.jobId)
const list = async (store: MemoryBlobStore, query: Partial<JobQuery> = {}) =>
  listJobs(store, 'iris', { limit: 100, ...query })

/** `count` jobs that have ended, a minute apart; each third one has failed. */
async function endedJobs(count: number): Promise<MemoryBlobStore> {
  const store = new MemoryBlobStore()
  const { spec } = await exampleOf(new JobBench())
  const progress = { rows: 2, succeeded: 2, failed: 0, chunks: 1, chunksDone: 1, percent: 100 }
  for (let each = 0; each < count; each++) {
    const at = start + each * 60_000
    const jobId = `job-${String(each).padStart(4, '0')}`
    const status: JobStatus = each % 3 === 0 ? 'Failed' : 'Completed'
    const times = { createdAt: new Date(at).toISOString(), endedAt: new Date(at + 1000).toISOString() }
    await store.create(listEntryBlob('iris', at, jobId), '')
    await closeListEntry(store, { ...spec, jobId, createdAt: times.createdAt }, { status, ...times, progress })
  }
  return store
}

async function exampleOf(bench: JobBench) {
  await bench.store.create(entry, '')
  return { spec: await bench.createJob('1\n2\n3\n') }
}

describe('listJobs', () => {
  it('reads nothing but the list for jobs that have ended', async () => {
    const store = await endedJobs(100)
    const before = new Map(store.hooks.counts)
    const { jobs } = await list(store)
    assert.equal(jobs.length, 100)
    assert.deepEqual([jobs[0]?.jobId, jobs.at(-1)?.jobId], ['job-0099', 'job-0000'])
    for (const name of ['head', 'readWhole', 'read']) assert.equal(store.hooks.counts.get(name), before.get(name), name)
  })

  it('shows of an ended job what its status shows, and of a running one how far it is', async () => {
    const bench = new JobBench()
    await exampleOf(bench)
    await bench.steps.split(job)
    await bench.clock.advance(2000)
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    const [running] = (await list(bench.store)).jobs
    assert.deepEqual(
      [running?.status, running?.progress.succeeded, running?.rowsPerSecond, running?.remainingSeconds],
      // Two of three rows in two seconds; 66.6 percent.
      ['Running', 2, 1, 2],
    )
    await bench.deliverAll()
    const [ended] = (await list(bench.store)).jobs
    assert.deepEqual([ended?.status, ended?.completedAt, ended?.error], ['Completed', bench.state.endedAt, undefined])
    assert.deepEqual(ended?.output, { blob: 'output/predictions', format: 'jsonl' })
    assert.ok((await bench.store.head(entry))?.metadata.job, 'without reading the job')
    await bench.store.remove(stateBlob(folder))
    assert.deepEqual((await list(bench.store)).jobs, [ended])
  })

  it('filters by status and time, page by page, without a job twice or missing', async () => {
    const store = await endedJobs(50)
    const since = start + 10 * 60_000
    const pages: string[][] = []
    let marker: string | undefined
    do {
      const page = await list(store, { limit: 4, marker, statuses: ['Failed'], since })
      pages.push(page.jobs.map(({ jobId }) => jobId))
      marker = page.nextMarker
      // New jobs come before the first page.
      await store.create(listEntryBlob('iris', start + 9_000_000 + pages.length, `new-${pages.length}`), '')
    } while (marker !== undefined)
    const expected = [48, 45, 42, 39, 36, 33, 30, 27, 24, 21, 18, 15, 12].map(each => `job-00${each}`)
    assert.deepEqual(pages.flat(), expected)
    assert.deepEqual(
      pages.map(({ length }) => length),
      [4, 4, 4, 1],
    )
    assert.deepEqual((await list(store, { statuses: ['Canceled'] })).jobs, [])
  })

  it('lists by the clock of the storage, whatever the hosts think', async () => {
    const bench = new JobBench()
    await exampleOf(bench)
    const late = async () => start + 60_000
    bench.store.now = late
    await bench.clock.advance(48 * 3_600_000)
    await bench.steps.split(job)
    bench.store.now = async () => start + 90_000
    await bench.deliverAll()
    const [shown] = (await list(bench.store)).jobs
    assert.deepEqual(
      [shown?.createdAt, shown?.startedAt, shown?.endedAt],
      [createdAt, '2026-01-01T00:01:00.000Z', '2026-01-01T00:01:30.000Z'],
    )
  })
})
