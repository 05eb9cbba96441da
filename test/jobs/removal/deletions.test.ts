import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { jobLimits } from '../../../src/jobs/limits.ts'
import { deletedView } from '../../../src/jobs/output/job-view.ts'
import { deleteJob } from '../../../src/jobs/removal/delete-job.ts'
import { Deletions } from '../../../src/jobs/removal/deletions.ts'
import { readJob, type StoredJob } from '../../../src/jobs/stored-job.ts'
import { folder, JobBench } from '../job-bench.ts'

const rows = (count: number) => Array.from({ length: count }, (_, row) => `${row}\n`).join('')
const marks = ['jobs/_deleted/iris/nightly-1', 'jobs/iris/nightly-1/spec.json', 'jobs/iris/nightly-1/state.json']

/** A job that has ended, and a storage that removes its results only when it is told to. */
async function endedJob(limits = {}) {
  const bench = new JobBench(limits)
  await bench.runJob(rows(9))
  const job = (await readJob(bench.store, folder)) as StoredJob
  let goOn = () => {}
  const told = new Promise<void>(resolve => {
    goOn = resolve
  })
  bench.store.hooks.before = ({ name, target }) => (name === 'remove' && target.includes('/out/') ? told : undefined)
  const deletions = new Deletions(bench.tools)
  const inJobs = () => bench.store.names().filter(name => name.startsWith('jobs/'))
  const view = deletedView(job, bench.state)
  return { bench, job, deletions, goOn, inJobs, view }
}

describe('Deletions', () => {
  it('waits until the blobs are removed', async () => {
    const { bench, job, deletions, goOn, inJobs, view } = await endedJob()
    goOn()
    assert.equal(await deletions.delete(job, view), undefined)
    assert.deepEqual(inJobs(), marks)
    assert.equal(bench.clock.timerCount, 0)
  })

  it('answers after five seconds that the job is gone, and goes on; a repeated call waits for the same', async () => {
    const { bench, job, deletions, goOn, inJobs, view } = await endedJob()
    const first = deletions.delete(job, view)
    await bench.clock.advance(4999)
    assert.equal(await readJob(bench.store, folder), undefined)
    await bench.clock.advance(1)
    assert.equal(await first, view)
    const calls = [...bench.store.hooks.counts.values()].reduce((sum, count) => sum + count)
    const second = deletions.wait(folder)
    await bench.clock.advance(5000)
    assert.equal(await second, view)
    assert.equal(
      [...bench.store.hooks.counts.values()].reduce((sum, count) => sum + count),
      calls,
    )
    const third = deletions.delete(job, view)
    goOn()
    assert.equal(await third, undefined)
    assert.deepEqual(inJobs(), marks)
    assert.equal(bench.store.hooks.counts.get('remove')! < 40, true, 'each blob was removed once')
  })

  it('tells a caller who waits that it failed, and the log another, and has the sweeper complete it', async () => {
    for (const waits of [true, false]) {
      const { bench, job, deletions, goOn, inJobs, view } = await endedJob()
      const { before } = bench.store.hooks
      bench.store.hooks.before = async operation => {
        await before(operation)
        if (operation.name === 'remove' && operation.target.endsWith('/0000003')) throw new Error('the storage is busy')
      }
      const answer = deletions.delete(job, view)
      if (!waits) {
        await bench.clock.advance(5000)
        assert.equal(await answer, view)
      }
      goOn()
      if (waits) await assert.rejects(answer, /the storage is busy/)
      await bench.clock.advance(0)
      assert.match(bench.log.join(), /job iris\/nightly-1: was deleted, .*: the storage is busy/)
      bench.store.hooks.before = () => {}
      await bench.clock.advance(jobLimits.orphanMs)
      await bench.steps.sweep()
      assert.deepEqual(inJobs(), marks)
    }
  })
})

describe('the sweeper', () => {
  it('removes blobs of deleted jobs for a minute at a time, and comes to the end', async () => {
    const { bench, job, inJobs } = await endedJob()
    await deleteJob(bench.store, job, () => true)
    const all = inJobs().length
    await bench.clock.advance(jobLimits.orphanMs)
    let removed = 0
    bench.store.hooks.before = async ({ name, target }) => {
      if (name === 'remove' && target.startsWith('jobs/iris/')) removed++
    }
    bench.store.hooks.after = async ({ name }) => {
      if (name === 'remove') await bench.clock.advance(jobLimits.budgetMs / 4)
    }
    await bench.steps.sweep()
    assert.ok(removed > 0 && inJobs().length < all, 'some are removed')
    for (let sweeps = 0; sweeps < 20 && inJobs().length > marks.length; sweeps++) await bench.steps.sweep()
    assert.deepEqual(inJobs(), marks)
  })
})
