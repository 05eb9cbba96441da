import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { activeBlob, stateBlob } from '../../../src/jobs/layout.ts'
import { jobLimits } from '../../../src/jobs/limits.ts'
import { deleteJob } from '../../../src/jobs/removal/delete-job.ts'
import { readJob, type StoredJob } from '../../../src/jobs/stored-job.ts'
import { folder, JobBench, job } from '../job-bench.ts'

const rows = (count: number) => Array.from({ length: count }, (_, row) => `${row}\n`).join('')
const marks = ['jobs/_deleted/iris/nightly-1', 'jobs/iris/nightly-1/spec.json', 'jobs/iris/nightly-1/state.json']
const inJobs = (bench: JobBench) => bench.store.names().filter(name => name.startsWith('jobs/'))
const storedJob = async (bench: JobBench) => (await readJob(bench.store, folder)) as StoredJob

describe('deleteJob', () => {
  it('removes everything but the output that has a place of its own, and frees the id a day later', async () => {
    const bench = new JobBench()
    await bench.runJob(rows(9))
    await deleteJob(bench.store, await storedJob(bench))
    assert.deepEqual(bench.store.names(), ['input/rows', ...marks, 'output/predictions'])
    assert.equal(await readJob(bench.store, folder), undefined)
    await bench.clock.advance(jobLimits.deletedMs - 1000)
    await bench.steps.sweep()
    assert.deepEqual(inJobs(bench), marks)
    await bench.clock.advance(2000)
    await bench.steps.sweep()
    assert.deepEqual(bench.store.names(), ['input/rows', 'output/predictions'])
  })

  it('is final, whatever late duplicates and processes that stood still do', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(4))
    await bench.steps.split(job)
    let resume = () => {}
    const asleep = new Promise<void>(resolve => {
      resume = resolve
    })
    bench.answer = async json => {
      await asleep
      return { prediction: json }
    }
    const late = bench.steps.chunk({ ...job, chunk: 0 }, 1)
    await bench.clock.advance(0)
    const { etag } = (await bench.store.head(stateBlob(folder)))!
    await bench.store.replace(stateBlob(folder), JSON.stringify({ ...bench.state, status: 'Canceled' }), etag)
    await deleteJob(bench.store, await storedJob(bench))
    resume()
    await late
    await bench.queues.send('split', job)
    await bench.queues.send('chunk', { ...job, chunk: 1, isRevival: true })
    await bench.queues.send('finish', job)
    await bench.deliverAll()
    await bench.steps.sweep()
    assert.equal(bench.state.status, 'Canceled')
    assert.equal(await readJob(bench.store, folder), undefined)
    await bench.clock.advance(jobLimits.deletedMs)
    await bench.steps.sweep()
    assert.deepEqual(inJobs(bench), [])
  })

  it('is completed by the sweeper or by a repeated call, at whatever call its process died', async () => {
    for (const repeats of [false, true]) {
      for (let calls = 1; ; calls++) {
        const bench = new JobBench()
        await bench.runJob(rows(3))
        const stored = await storedJob(bench)
        let left = calls
        bench.store.hooks.before = () => {
          if (left-- <= 0) throw new Error('the process died')
        }
        const hasDied = await deleteJob(bench.store, stored).then(
          () => false,
          () => true,
        )
        bench.store.hooks.before = () => {}
        if (repeats) await deleteJob(bench.store, stored)
        await bench.clock.advance(jobLimits.orphanMs)
        await bench.steps.sweep()
        const isDeleted = (await readJob(bench.store, folder)) === undefined
        if (isDeleted) assert.deepEqual(inJobs(bench), marks, `died after ${calls} calls`)
        else assert.ok(calls < 4 && !repeats, `after ${calls} calls it is still there`)
        assert.equal(bench.store.text(activeBlob(folder)), undefined)
        if (!hasDied) break
      }
    }
  })
})
