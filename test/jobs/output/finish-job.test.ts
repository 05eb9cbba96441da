import assert from 'node:assert/strict'
import { parquetReadObjects } from 'hyparquet'
import { describe, it } from 'vitest'
import { StorageError } from '../../../src/jobs/blob-store.ts'
import {
  activeBlob,
  chunkResultBlob,
  finalCountsBlob,
  oldJobFolder,
  signatureBlob,
  specBlob,
  stateBlob,
} from '../../../src/jobs/layout.ts'
import type { JobLimits } from '../../../src/jobs/limits.ts'
import { readProgress } from '../../../src/jobs/output/progress.ts'
import { changeState, readSpec } from '../../../src/jobs/records.ts'
import { folder, JobBench, job, outputReference } from '../job-bench.ts'

const rows = (count: number) => Array.from({ length: count }, (_, row) => `${row}\n`).join('')
const lines = (count: number) =>
  Array.from({ length: count }, (_, row) => `{"index": ${row}, "prediction": [${row}]}\n`).join('')

/** All is scored, and the message `finish` is on its way. */
async function scoredBench(
  count: number,
  limits?: Partial<JobLimits>,
  change?: Parameters<JobBench['createJob']>[1],
): Promise<JobBench> {
  const bench = new JobBench(limits)
  await bench.createJob(rows(count), change)
  await bench.scoreAll()
  return bench
}

describe('finishJob', () => {
  it('completes jobs of version 0.1.0, whose ids did not belong to services', async () => {
    const bench = new JobBench()
    const { folder: _, ...spec } = await bench.createJob(rows(9))
    for (const name of bench.store.names().filter(each => each.startsWith('jobs/'))) {
      await bench.store.remove({ container: 'jobs', path: name.slice('jobs/'.length) })
    }
    const old = oldJobFolder(job.jobId)
    await bench.store.create(activeBlob(old), '', { service: job.service })
    await bench.store.create(specBlob(old), JSON.stringify(spec))
    await bench.steps.sweep()
    await bench.clock.advance(90_000)
    await bench.steps.sweep()
    assert.deepEqual(bench.messages('split'), [{ jobId: job.jobId }])
    await bench.deliverAll()
    assert.equal(bench.output, lines(9))
    assert.equal((JSON.parse(bench.store.text(stateBlob(old)) ?? '') as { status: string }).status, 'Completed')
    assert.equal(bench.store.text(activeBlob(old)), undefined)
  })

  it('commits the output in order, counts its rows, and removes the active entry', async () => {
    const bench = await scoredBench(7)
    await bench.steps.finish(job)
    assert.equal(bench.output, lines(7))
    const counts = { rows: 7, succeeded: 7, failed: 0, chunks: 4 }
    assert.deepEqual(bench.state.progress, { ...counts, chunksDone: 4, percent: 100 })
    assert.equal(bench.state.status, 'Completed')
    const result = JSON.parse(bench.store.text(finalCountsBlob(folder)) ?? '') as object
    assert.deepEqual(result, { ...result, ...counts, bytes: lines(7).length })
    assert.equal(bench.store.text(activeBlob(folder)), undefined)
  })

  it('removes the signature of the input with the end of the job', async () => {
    const bench = await scoredBench(7)
    const spec = JSON.parse(bench.store.text(specBlob(folder)) ?? '') as { input: object }
    const input = { ...spec.input, place: { url: 'https://elsewhere.example/input/rows' } }
    bench.store.put(specBlob(folder), JSON.stringify({ ...spec, input }))
    await bench.store.create(signatureBlob(folder), '?sig=secret')
    await bench.restarted().finish(job)
    assert.equal(bench.output, lines(7))
    assert.equal(bench.store.text(signatureBlob(folder)), undefined)
  })

  it('does nothing before all results exist, or after the job has ended', async () => {
    const early = new JobBench()
    await early.createJob(rows(7))
    await early.steps.split(job)
    await early.steps.finish(job)
    assert.equal(early.state.status, 'Running')
    const late = await scoredBench(7)
    await late.steps.finish(job)
    const { state } = late
    await late.store.remove(outputReference) // its owner took it away
    await late.steps.finish(job)
    assert.deepEqual(late.state, state)
    assert.equal(late.output, undefined)
  })

  it('uses the committed one of two different results for a chunk', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(2))
    await bench.steps.split(job)
    let calls = 0
    bench.answer = () => ({ prediction: String(calls++) }) // as for a row that only one of them found to be the culprit
    await Promise.all([bench.steps.chunk({ ...job, chunk: 0 }, 1), bench.restarted().chunk({ ...job, chunk: 0 }, 1)])
    assert.equal(calls, 4)
    await bench.deliverAll()
    assert.equal(bench.output, bench.store.text(chunkResultBlob(folder, 0, 0)))
    assert.equal(bench.state.status, 'Completed')
  })

  it('does not overwrite a foreign blob, or the output of an earlier job with its id', async () => {
    const strange = await scoredBench(3)
    strange.store.put(outputReference, 'precious')
    await strange.steps.finish(job)
    assert.equal(strange.output, 'precious')
    assert.equal(strange.state.error?.code, 'OUTPUT_EXISTS')
    const earlier = await scoredBench(3)
    const metadata = { scoringjob: job.jobId, fingerprint: 'f00d', created: '2025-01-01T00:00:00.000Z' }
    earlier.store.put(outputReference, 'of an earlier job', metadata)
    await earlier.steps.finish(job)
    assert.equal(earlier.output, 'of an earlier job')
    assert.equal(earlier.state.status, 'Failed')
  })

  it('replaces an output although the storage is busy, and says why it cannot be replaced', async () => {
    const refused = async (code: string) => {
      const bench = new JobBench()
      bench.store.put(outputReference, 'of yesterday')
      await bench.createJob(rows(3), { output: { overwrite: true } })
      await bench.steps.split(job)
      let isFirst = true
      bench.store.hooks.before = ({ name }) => {
        if (name === 'stageBlock' && isFirst) {
          isFirst = false
          throw new StorageError('could not stage a block', code)
        }
      }
      await bench.steps.chunk({ ...job, chunk: 0 }, 1).catch(() => bench.queues.send('chunk', { ...job, chunk: 0 }))
      await bench.deliverAll()
      return { status: bench.state.status, message: bench.state.error?.message, output: bench.output }
    }
    assert.deepEqual(await refused('ServerBusy'), { status: 'Completed', message: undefined, output: lines(3) })
    for (const [code, why] of [
      ['InvalidBlobType', 'it is no block blob; remove it'],
      ['LeaseIdMissing', 'another program holds a lease on it'],
    ] as const) {
      const message = `the blob output/predictions cannot be replaced: ${why}`
      assert.deepEqual(await refused(code), { status: 'Failed', message, output: 'of yesterday' })
    }
  })

  it('stages the results again when the blocks have expired', async () => {
    const bench = await scoredBench(7, { joinedBytes: 100 })
    bench.store.dropStagedBlocks(outputReference)
    await bench.steps.finish(job)
    assert.equal(bench.output, lines(7))
    assert.equal(bench.state.status, 'Completed')
  })

  it('joins results when there are more than maxBlocks, a few in each run', async () => {
    const bench = await scoredBench(40, { maxBlocks: 3, joinedBytes: 1, budgetMs: 0 })
    let runs = 0
    for (let message = bench.take('finish'); message; message = bench.take('finish'), runs++) {
      await bench.steps.finish(message)
    }
    assert.equal(runs, 2) // of two blocks, as three would be too many with one that is left over
    assert.equal(bench.output, lines(40))
    assert.equal(bench.state.status, 'Completed')
  })

  it('joins again when the joined blocks have expired too', async () => {
    const bench = await scoredBench(40, { maxBlocks: 3, joinedBytes: 1, budgetMs: 0 })
    await bench.steps.finish(job)
    await bench.steps.finish(job)
    bench.store.dropStagedBlocks(outputReference)
    await bench.deliverAll()
    assert.equal(bench.output, lines(40))
  })

  it('joins the row groups of Parquet, also when their blocks have expired', async () => {
    for (const limits of [{}, { maxBlocks: 8, joinedBytes: 1, budgetMs: 0 }]) {
      const bench = await scoredBench(40, limits, { outputFormat: 'parquet' })
      bench.store.dropStagedBlocks(outputReference)
      await bench.steps.finish(job)
      await bench.deliverAll()
      assert.equal(bench.state.status, 'Completed')
      const output = await bench.store.readWhole(outputReference)
      const read = await parquetReadObjects({ file: Uint8Array.from(output?.content ?? []).buffer })
      const expected = Array.from({ length: 40 }, (_, row) => {
        return { index: BigInt(row), prediction: `[${row}]`, error_code: null, error_message: null }
      })
      assert.deepEqual(read, expected)
    }
  })

  it('scores chunks again whose results were removed, and counts them once', async () => {
    for (const removed of [[1], [0, 1, 2, 3]]) {
      const bench = await scoredBench(7)
      for (const chunk of removed)
        await bench.store.remove({ container: 'jobs', path: `${folder}/out/000000${chunk >> 1}/000000${chunk}` })
      await bench.steps.finish(job)
      assert.equal(bench.state.status, 'Running')
      const { succeeded } = await readProgress(bench.store, (await readSpec(bench.store, folder))!, bench.state)
      assert.ok(succeeded < 7, 'what was removed is not done')
      await bench.deliverAll()
      assert.deepEqual([bench.state.status, bench.state.progress?.succeeded], ['Completed', 7])
      assert.equal(bench.output, lines(7))
    }
  })

  it('has them scored again once, however many finish messages come', async () => {
    const bench = await scoredBench(7)
    await bench.store.remove({ container: 'jobs', path: `${folder}/out/0000000/0000001` })
    while (bench.take('chunk')); // beyond the end of the plan
    const done = await bench.store.readWhole({ container: 'jobs', path: `${folder}/done/0000000` })
    for (let each = 0; each < 5; each++) {
      await bench.steps.finish(job)
      await bench.store.create({ container: 'jobs', path: `${folder}/done/0000000` }, '', done?.metadata)
    }
    assert.deepEqual(bench.messages('chunk'), [{ ...job, chunk: 1 }])
    await bench.deliverAll()
    assert.equal(bench.output, lines(7))
  })

  it('fails a job whose result is removed again and again', async () => {
    const bench = await scoredBench(7)
    let times = 0
    for (; bench.state.status === 'Running' && times < 10; times++) {
      await bench.store.remove({ container: 'jobs', path: `${folder}/out/0000000/0000001` })
      await bench.steps.finish(job)
      for (let chunk = bench.take('chunk'); chunk; chunk = bench.take('chunk')) await bench.steps.chunk(chunk, 1)
      while (bench.take('finish'));
      await bench.clock.advance(90_000)
    }
    assert.deepEqual([bench.state.error?.code, times], ['RESULTS_MISSING', 4])
  })

  it('cancels a job with its progress, and keeps its results', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(8))
    await bench.steps.split(job)
    await bench.steps.chunk({ ...job, chunk: 1 }, 1)
    await changeState(bench.store, folder, { from: ['Running'], to: 'CancelRequested' })
    await bench.steps.finish(job)
    await bench.deliverAll()
    assert.equal(bench.state.status, 'Canceled')
    const counts = { rows: 8, succeeded: 2, failed: 0, chunks: 4, chunksDone: 1, percent: 25 }
    assert.deepEqual(bench.state.progress, counts)
    assert.equal(bench.output, undefined)
    assert.ok(bench.store.text({ container: 'jobs', path: `${folder}/out/0000000/0000001` }))
  })

  it('refuses to cancel a finalizing job, and to finish a cancelled one', async () => {
    const finalizing = await scoredBench(3)
    await changeState(finalizing.store, folder, { from: ['Running'], to: 'Finalizing' })
    const state = await changeState(finalizing.store, folder, {
      from: ['NotStarted', 'Running'],
      to: 'CancelRequested',
    })
    assert.equal(state?.status, 'Finalizing')
    await finalizing.steps.finish(job)
    assert.equal(finalizing.output, lines(3))
    const cancelled = await scoredBench(3)
    await changeState(cancelled.store, folder, { from: ['Running'], to: 'CancelRequested' })
    await cancelled.steps.finish(job)
    await cancelled.steps.finish(job)
    assert.equal(cancelled.state.status, 'Canceled')
    assert.equal(cancelled.output, undefined)
  })

  it('fails a job above its error threshold when the process that saw it died', async () => {
    const bench = new JobBench()
    await bench.createJob('"fails"\n1\n', { errorThreshold: 0 })
    await bench.steps.split(job)
    // Its result is committed; the look at the sum is what was not reached.
    bench.store.hooks.after = ({ name, target }) => {
      if (name === 'create' && target.includes('/out/')) bench.store.hooks.before = () => new Promise(() => {})
    }
    void bench.steps.chunk({ ...job, chunk: 0 }, 1)
    await bench.clock.advance(1)
    bench.store.hooks.after = () => {}
    bench.store.hooks.before = () => {}
    await bench.clock.advance(200_000)
    await bench.steps.sweep()
    await bench.deliverAll()
    assert.equal(bench.state.error?.code, 'ERROR_THRESHOLD_EXCEEDED')
    assert.equal(bench.output, undefined)
  })
})

describe('finishJob, with "overwrite": true', () => {
  const overwrite = { output: { overwrite: true } }

  it('replaces the output when all rows are scored, and not before', async () => {
    const bench = await scoredBench(7, undefined, overwrite)
    bench.store.put(outputReference, 'yesterday')
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    assert.equal(bench.output, 'yesterday')
    // The blocks that were staged before are gone with that write: the results are staged again.
    await bench.deliverAll()
    assert.deepEqual([bench.output, bench.state.status], [lines(7), 'Completed'])
  })

  it('replaces what was there before the job', async () => {
    const bench = new JobBench()
    bench.store.put(outputReference, 'yesterday')
    await bench.runJob(rows(3), overwrite)
    assert.deepEqual([bench.output, bench.state.status], [lines(3), 'Completed'])
  })

  it('replaces nothing that was written after the job had ended, wherever another process has stopped', async () => {
    for (let stopAt = 0; ; stopAt++) {
      const bench = await scoredBench(3, undefined, overwrite)
      const { promise: goOn, resolve } = Promise.withResolvers<void>()
      let count = 0
      let hasStopped = false
      // The first process stops before its operation `stopAt`, until the second has ended the job and its owner has a new output.
      bench.store.hooks.before = async () => {
        if (hasStopped || count++ < stopAt) return
        hasStopped = true
        await goOn
      }
      const first = bench.steps.finish(job)
      while (!hasStopped && bench.state.status !== 'Completed') await new Promise(setImmediate)
      if (!hasStopped) break
      await bench.restarted().finish(job)
      assert.equal(bench.state.status, 'Completed', `stopped before operation ${stopAt}`)
      bench.store.put(outputReference, 'tomorrow')
      resolve()
      await first
      assert.equal(bench.output, 'tomorrow', `stopped before operation ${stopAt}`)
    }
  })

  it('replaces what another job has written meanwhile: the last commit wins', async () => {
    const bench = await scoredBench(3, undefined, overwrite)
    let writes = 0
    bench.store.hooks.before = ({ name }) => {
      if (name === 'commitBlocks' && writes++ < 3) bench.store.put(outputReference, `another job's, ${writes}`)
    }
    await bench.steps.finish(job)
    await bench.deliverAll()
    assert.deepEqual([bench.output, bench.state.status], [lines(3), 'Completed'])
  })
})

describe('finishJob, with "action": "summary_only"', () => {
  it('counts the rows, and writes no output', async () => {
    const bench = new JobBench()
    await bench.runJob(`${rows(5)}"fails"\n`, { output: { action: 'summary_only' } })
    const { status, progress } = bench.state
    assert.deepEqual([status, progress?.rows, progress?.succeeded, progress?.failed], ['Completed', 6, 5, 1])
    assert.equal(bench.output, undefined)
    assert.equal(bench.store.hooks.counts.get('stageBlock'), undefined)
  })
})
