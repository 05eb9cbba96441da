import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { activeBlob, jobFolder, specBlob, stateBlob, uploadBlob } from '../../../src/jobs/layout.ts'
import { changeState } from '../../../src/jobs/records.ts'
import { folder, JobBench, job } from '../job-bench.ts'

const rows = (count: number) => Array.from({ length: count }, (_, row) => `${row}\n`).join('')
const stallMs = 90_000

describe('sweepJobs', () => {
  it('does nothing for a job that makes progress', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(9))
    await bench.steps.sweep()
    await bench.steps.split(job)
    await bench.clock.advance(stallMs - 1000)
    await bench.steps.sweep()
    assert.deepEqual([...bench.messages('split'), ...bench.messages('finish')], [])
    assert.equal(bench.messages('chunk').length, 2)
  })

  it('resumes a job whose submission died before its state or message', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(3))
    await bench.store.remove(stateBlob(folder))
    await bench.steps.sweep()
    assert.equal(bench.state.status, 'NotStarted')
    await bench.clock.advance(stallMs)
    await bench.steps.sweep()
    await bench.deliverAll()
    assert.equal(bench.state.status, 'Completed')
  })

  it('re-enqueues the next chunk of a window position, isolated', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(12))
    await bench.steps.split(job)
    while (bench.take('chunk'));
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    while (bench.take('chunk'));
    await bench.clock.advance(stallMs)
    await bench.steps.sweep()
    assert.deepEqual(bench.messages('chunk'), [
      { ...job, chunk: 1, isRevival: true },
      { ...job, chunk: 2, isRevival: true },
    ])
  })

  it('waits longer when chunks take long', async () => {
    const bench = new JobBench({ window: 2, chunksPerPart: 8 })
    await bench.createJob(rows(16))
    await bench.steps.split(job)
    for (const chunk of [0, 1, 2, 3]) {
      await bench.clock.advance(50_000) // 100 seconds at each of two positions of the window
      await bench.steps.chunk({ ...job, chunk }, 1)
    }
    while (bench.take('chunk'));
    await bench.clock.advance(240_000)
    await bench.steps.sweep()
    assert.deepEqual(bench.messages('chunk'), [])
    await bench.clock.advance(60_000)
    await bench.steps.sweep()
    assert.deepEqual(
      bench.messages('chunk').map(({ chunk }) => chunk),
      [4, 5],
    )
  })

  it('does not re-enqueue a chunk of several runs that stores results', async () => {
    const bench = new JobBench({ chunkBudgetMs: 0 })
    await bench.createJob(rows(8), { miniBatchSize: 8 })
    await bench.steps.split(job)
    for (let run = 0; run < 4; run++) {
      const message = bench.take('chunk')
      await bench.clock.advance(stallMs - 1000)
      await bench.steps.chunk(message, 1)
      await bench.steps.sweep()
    }
    assert.deepEqual(bench.messages('chunk'), [{ ...job, chunk: 0, isRevival: false, isContinued: true }])
    bench.take('chunk')
    await bench.clock.advance(stallMs)
    await bench.steps.sweep()
    assert.deepEqual(bench.messages('chunk'), [{ ...job, chunk: 0, isRevival: true }])
    await bench.deliverAll()
    assert.equal(bench.state.status, 'Completed')
  })

  it('doubles the pause up to ten minutes while nothing makes progress', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(1))
    await bench.steps.split(job)
    while (bench.take('chunk'));
    const sentAt: number[] = []
    for (let second = 0; second < 3600; second += 30) {
      await bench.clock.advance(30_000)
      await bench.steps.sweep()
      while (bench.take('chunk')) sentAt.push(second + 30)
    }
    const pauses = sentAt.slice(1).map((at, index) => at - (sentAt[index] as number))
    assert.deepEqual(pauses, [90, 180, 360, 600, 600, 600, 600])
  })

  it('finishes a job whose last process died after scoring, closing or cancelling', async () => {
    const scored = new JobBench()
    await scored.createJob(rows(2))
    await scored.steps.split(job)
    await scored.steps.chunk({ ...job, chunk: 0 }, 1)
    await scored.store.remove({ container: 'jobs', path: `${folder}/done/0000000` })
    const cancelled = new JobBench()
    await cancelled.createJob(rows(2))
    await changeState(cancelled.store, folder, { from: ['NotStarted'], to: 'CancelRequested' })
    for (const bench of [scored, cancelled]) {
      while (bench.take('finish') || bench.take('chunk'));
      await bench.clock.advance(stallMs)
      await bench.steps.sweep()
      await bench.deliverAll()
    }
    assert.equal(scored.state.status, 'Completed')
    assert.equal(cancelled.state.status, 'Canceled')
  })

  it('removes active entries of ended jobs and of incomplete submissions', async () => {
    const ended = new JobBench()
    await ended.runJob(rows(2))
    await ended.store.create(activeBlob(folder), '')
    await ended.steps.sweep()
    assert.equal(ended.store.text(activeBlob(folder)), undefined)
    const orphan = new JobBench()
    await orphan.store.create(activeBlob(jobFolder('iris', 'never')), '')
    await orphan.steps.sweep()
    assert.equal(orphan.store.text(activeBlob(jobFolder('iris', 'never'))), '', 'it may still be on the way')
    await orphan.clock.advance(600_000)
    await orphan.steps.sweep()
    assert.equal(orphan.store.text(activeBlob(jobFolder('iris', 'never'))), undefined)
  })

  it('sweeps the other jobs when one fails, and ignores the local clock', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(2))
    await bench.store.create(activeBlob(jobFolder('iris', 'broken')), '')
    await bench.store.create({ container: 'jobs', path: 'iris/broken/spec.json' }, 'no JSON')
    await bench.clock.advance(stallMs)
    const lost = new JobBench() // a clock of its own, which stands at the beginning of the year
    const steps = bench.restarted()
    assert.equal(lost.clock.monotonicMs(), 0)
    await steps.sweep()
    assert.deepEqual(bench.messages('split'), [job])
    assert.match(bench.log.join('\n'), /broken: the sweep failed/)
  })

  it('removes the files of submissions that died before their job existed, after ten minutes', async () => {
    const bench = new JobBench()
    const upload = async (id: string, jobId: string) => {
      await bench.store.stageBlock(uploadBlob(id), 'AAAA', Buffer.from('1\n'))
      await bench.store.commitBlocks(uploadBlob(id), ['AAAA'], { folder: jobFolder('iris', jobId) })
    }
    const uploads = () => bench.store.names().filter(name => name.includes('_uploads/'))
    // The first process died after it had sent its file, and the caller repeated the submission.
    await upload('first', job.jobId)
    await upload('second', job.jobId)
    await upload('never', 'never')
    const spec = await bench.createJob('1\n')
    const input = { ...spec.input, place: { blob: 'jobs/_uploads/second' } }
    bench.store.put(specBlob(folder), JSON.stringify({ ...spec, input }))
    await bench.clock.advance(599_000)
    await bench.steps.sweep()
    assert.deepEqual(uploads(), ['jobs/_uploads/first', 'jobs/_uploads/never', 'jobs/_uploads/second'])
    await bench.clock.advance(1000)
    await bench.steps.sweep()
    assert.deepEqual(uploads(), ['jobs/_uploads/second'])
  })
})
