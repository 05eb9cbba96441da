import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { activeBlob, eventSignatureBlob, stateBlob } from '../../../src/jobs/layout.ts'
import { jobLimits } from '../../../src/jobs/limits.ts'
import { deleteJob } from '../../../src/jobs/removal/delete-job.ts'
import { readJob, type StoredJob } from '../../../src/jobs/stored-job.ts'
import { folder, JobBench, job } from '../job-bench.ts'

const rows = (count: number) => Array.from({ length: count }, (_, row) => `${row}\n`).join('')
const marks = ['jobs/_deleted/iris/nightly-1', 'jobs/iris/nightly-1/spec.json', 'jobs/iris/nightly-1/state.json']
const inJobs = (bench: JobBench) => bench.store.names().filter(name => name.startsWith('jobs/'))
const storedJob = async (bench: JobBench) => (await readJob(bench.store, folder)) as StoredJob

const toUrl = { onCompleted: { url: 'https://hooks.example/jobs' } }

/** A bench whose receiver refuses events until it is told to accept them. */
function withReceiver() {
  const bench = new JobBench()
  let isUp = false
  const received: unknown[] = []
  bench.receive = async (url, event) => {
    if (!isUp) throw new Error('hooks.example answered with status 503')
    const { status, jobId, progress } = JSON.parse(event).data
    received.push({ url, status, jobId, rows: progress.rows })
  }
  const accept = () => {
    isUp = true
  }
  return { bench, received, accept }
}

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

  it('keeps an event that was not accepted until it is, with the signature of its address and nothing else', async () => {
    const { bench, received, accept } = withReceiver()
    await bench.store.create(eventSignatureBlob(folder), '?sig=SECRET')
    await bench.runJob(rows(3), toUrl)
    await deleteJob(bench.store, await storedJob(bench))
    const kept = ['jobs/iris/nightly-1/event-signature', 'jobs/iris/nightly-1/event.json']
    assert.deepEqual(inJobs(bench).sort(), ['jobs/_events/iris/nightly-1', ...marks, ...kept].sort())
    accept()
    await bench.clock.advance(31_000)
    await bench.steps.sweep()
    assert.deepEqual(received, [
      { url: 'https://hooks.example/jobs?sig=SECRET', status: 'Completed', jobId: 'nightly-1', rows: 3 },
    ])
    await bench.steps.finish(job) // a late duplicate
    await bench.steps.sweep()
    assert.equal(received.length, 1)
    assert.deepEqual(inJobs(bench), marks)
  })

  it('does not free the id before the event is accepted or given up', async () => {
    const { bench, received, accept } = withReceiver()
    await bench.runJob(rows(3), toUrl)
    await deleteJob(bench.store, await storedJob(bench))
    await bench.clock.advance(2 * jobLimits.deletedMs) // no sweep came meanwhile
    await bench.steps.sweep()
    assert.ok(inJobs(bench).includes('jobs/_events/iris/nightly-1'))
    accept()
    await bench.clock.advance(3_600_000)
    await bench.steps.sweep()
    assert.equal(received.length, 1)
    assert.deepEqual(inJobs(bench), [])
  })

  it('has the event sent of a job that ended at whatever storage call its process died', async () => {
    for (let calls = 0; ; calls++) {
      const { bench, received, accept } = withReceiver()
      accept()
      await bench.createJob(rows(1), toUrl)
      await bench.steps.split(job)
      await bench.steps.chunk({ ...job, chunk: 0 }, 1)
      const hasDied = await bench.finishAndDie(calls)
      await deleteJob(bench.store, await storedJob(bench))
      const steps = bench.restarted()
      await bench.clock.advance(100_000)
      await steps.sweep()
      assert.ok(received.length > 0, `died after ${calls} calls`)
      assert.deepEqual(inJobs(bench), marks)
      if (!hasDied) break
    }
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
