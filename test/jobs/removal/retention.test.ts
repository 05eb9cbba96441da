import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { listEntryBlob } from '../../../src/jobs/layout.ts'
import { limitsFor } from '../../../src/jobs/limits.ts'
import { readJob } from '../../../src/jobs/stored-job.ts'
import { folder, JobBench, job } from '../job-bench.ts'

const dayMs = 24 * 3_600_000
const entry = listEntryBlob('iris', Date.parse('2026-01-01T00:00:00.000Z'), job.jobId)

/** A job that has ended, as JobStore makes it: with an entry in the list. */
async function endedJob(limits = {}): Promise<JobBench> {
  const bench = new JobBench(limits)
  await bench.store.create(entry, '')
  await bench.runJob('1\n2\n3\n')
  return bench
}

describe('Retention', () => {
  it('deletes a job 30 days after its end, and not before', async () => {
    const bench = await endedJob()
    await bench.clock.advance(30 * dayMs - 60_000)
    await bench.steps.sweep()
    assert.ok(await readJob(bench.store, folder))
    await bench.clock.advance(10 * 60_000)
    await bench.steps.sweep()
    assert.equal(await readJob(bench.store, folder), undefined)
    await bench.clock.advance(dayMs)
    await bench.steps.sweep()
    assert.deepEqual(bench.store.names(), ['input/rows', 'output/predictions'])
  })

  it('never deletes a running job, however old it is', async () => {
    const bench = new JobBench()
    await bench.store.create(entry, '')
    await bench.createJob('1\n2\n3\n')
    await bench.steps.split(job)
    await bench.clock.advance(60 * dayMs)
    await bench.steps.sweep()
    await bench.deliverAll()
    await bench.steps.sweep()
    assert.equal(bench.state.status, 'Completed')
    assert.ok(await readJob(bench.store, folder), 'it has just ended')
  })

  it('keeps jobs for ever when told so', async () => {
    const limits = limitsFor({ stallMs: 90_000, maxInputBytes: 1e9, retentionDays: 0 })
    const bench = await endedJob({ retentionMs: limits.retentionMs })
    await bench.clock.advance(3650 * dayMs)
    await bench.steps.sweep()
    assert.ok(await readJob(bench.store, folder))
  })

  it('goes by the clock of the storage, and not by that of the host', async () => {
    const bench = await endedJob()
    const now = await bench.store.now()
    bench.store.now = async () => now
    await bench.clock.advance(100 * dayMs)
    await bench.steps.sweep()
    assert.ok(await readJob(bench.store, folder))
  })

  it('goes on when something else that is swept is broken', async () => {
    const bench = await endedJob()
    await bench.store.create({ container: 'jobs', path: `_events/${folder}` }, '')
    await bench.store.create({ container: 'jobs', path: `${folder}/event.json` }, 'no JSON')
    await bench.clock.advance(31 * dayMs)
    await bench.steps.sweep()
    assert.match(bench.log.join('\n'), /^events: the sweep failed/m)
    assert.equal(await readJob(bench.store, folder), undefined)
  })

  it('removes entries without a job, and refused messages that name no service', async () => {
    const bench = new JobBench()
    const message = { container: 'jobs', path: '_messages/message-1/spec.json' }
    await bench.store.create(entry, '')
    await bench.store.create(message, '{"refused": {}}')
    await bench.clock.advance(31 * dayMs)
    await bench.steps.sweep()
    assert.deepEqual(bench.store.names(), [])
  })

  it('takes a few a sweep, and costs one listing of thousands in ten minutes when none is due', async () => {
    const bench = new JobBench({ perSweep: 3 })
    const start = Date.UTC(2026, 0, 1)
    for (let each = 0; each < 8; each++)
      await bench.store.create(listEntryBlob('iris', start + each, `job-${each}`), '')
    await bench.clock.advance(31 * dayMs)
    const left: number[] = []
    for (let sweep = 0; sweep < 3; sweep++) {
      await bench.steps.sweep()
      left.push(bench.store.names().length)
    }
    assert.deepEqual(left, [5, 2, 0])
    for (let each = 0; each < 3000; each++)
      await bench.store.create(listEntryBlob('iris', start + each, `job-${each}`), '')
    const counts = () =>
      ['head', 'readWhole', 'create', 'replace', 'remove'].map(name => bench.store.hooks.counts.get(name))
    const before = counts()
    await bench.clock.advance(600_000)
    for (let minute = 0; minute < 9; minute++) {
      await bench.steps.sweep()
      await bench.clock.advance(60_000)
    }
    assert.deepEqual(counts(), before)
  })
})
