import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { describe, it } from 'vitest'
import { planPartBlob } from '../../../src/jobs/layout.ts'
import { changeState, readStoredState } from '../../../src/jobs/records.ts'
import { folder, JobBench, job } from '../job-bench.ts'

const rows = (count: number) => Array.from({ length: count }, (_, row) => `${row}\n`).join('')
const lines = (count: number) =>
  Array.from({ length: count }, (_, row) => `{"index": ${row}, "prediction": [${row}]}\n`).join('')

describe('splitInput', () => {
  it('plans chunks of miniBatchSize rows in parts, and completes the plan', async () => {
    const bench = new JobBench()
    await bench.createJob(rows(5))
    await bench.steps.split(job)
    const part = (number: number) =>
      JSON.parse(bench.store.text(planPartBlob(folder, number)) ?? '') as { chunks: object[] }
    assert.deepEqual(part(0).chunks, [
      { chunk: 0, firstRow: 0, rowCount: 2, start: 0, end: 3, line: 1 },
      { chunk: 1, firstRow: 2, rowCount: 2, start: 4, end: 7, line: 3 },
    ])
    const head = await bench.store.head(planPartBlob(folder, 1))
    assert.deepEqual(head?.metadata, { chunks: '1', rows: '1', offset: '9', last: 'true' })
    assert.equal(bench.state.status, 'Running')
  })

  it('writes the same plan in one run as in many, wherever the previous one died', async () => {
    const [inOneGo, inMany] = [new JobBench(), new JobBench({ budgetMs: 0 })]
    for (const bench of [inOneGo, inMany]) await bench.createJob(rows(13))
    await inOneGo.steps.split(job)
    // After each part it sends itself on; here twice each time.
    for (let run = 0; run < 4; run++) await Promise.all([inMany.steps.split(job), inMany.restarted().split(job)])
    const planOf = ({ store }: JobBench) => [0, 1, 2, 3].map(part => store.text(planPartBlob(folder, part)))
    assert.deepEqual(planOf(inMany), planOf(inOneGo))
    assert.equal(inMany.store.text(planPartBlob(folder, 4)), undefined)
  })

  it('sends messages for the first window of chunks, and none beyond the plan', async () => {
    const [large, small] = [
      new JobBench({ window: 4, chunksPerPart: 4 }),
      new JobBench({ window: 4, chunksPerPart: 4 }),
    ]
    await large.createJob(rows(100))
    await small.createJob(rows(3))
    for (const { steps } of [large, small]) await steps.split(job)
    assert.deepEqual(
      large.messages('chunk').map(({ chunk }) => chunk),
      [0, 1, 2, 3],
    )
    assert.deepEqual(
      small.messages('chunk').map(({ chunk }) => chunk),
      [0, 1],
    )
  })

  it('sends the messages of the first chunks that its previous run did not come to', async () => {
    const bench = new JobBench({ window: 4, chunksPerPart: 4 })
    await bench.createJob(rows(100))
    bench.queues.hooks.before = () => {
      if (bench.messages('chunk').length === 2) throw new Error('the storage is busy')
    }
    await assert.rejects(bench.steps.split(job))
    bench.queues.hooks.before = () => {}
    await bench.steps.chunk(bench.take('chunk'), 1)
    await bench.clock.advance(30_000) // until the message is received again
    await bench.steps.split(job)
    assert.deepEqual(
      bench.messages('chunk').map(({ chunk }) => chunk),
      [1, 4, 1, 2, 3],
    )
    await bench.deliverAll()
    assert.equal(bench.output, lines(100))
  })

  it('sends them once when its message comes twice', async () => {
    const bench = new JobBench({ window: 4, chunksPerPart: 4 })
    await bench.createJob(rows(100))
    await bench.steps.split(job)
    await bench.steps.split(job)
    await bench.clock.advance(30_000)
    await bench.steps.split(bench.take('split'))
    assert.deepEqual(
      bench.messages('chunk').map(({ chunk }) => chunk),
      [0, 1, 2, 3],
    )
  })

  it('goes on to the end of a small job in the same invocation, and scores one chunk of a larger one', async () => {
    const small = new JobBench({ window: 8, chunksPerPart: 8, turnMs: 1000, runOnMs: 3000 })
    await small.createJob(rows(7))
    await small.steps.split(job)
    assert.equal(small.state.status, 'Completed')
    assert.equal(small.output, lines(7))
    const large = new JobBench({ window: 8, chunksPerPart: 8, turnMs: 1000, runOnMs: 3000 })
    await large.createJob(rows(12))
    await large.steps.split(job)
    assert.deepEqual(large.scored, [['0', '1']])
    assert.deepEqual(
      large.messages('chunk').map(({ chunk }) => chunk),
      [1, 2, 3, 4, 5],
    )
    await large.deliverAll()
    assert.equal(large.output, lines(12))
  })

  it('calls the storage as often as a small job has something to tell it, and reads little of what it has written', async () => {
    const bench = new JobBench({ window: 8, chunksPerPart: 8, turnMs: 1000, runOnMs: 3000 })
    await bench.createJob(rows(7))
    bench.store.hooks.counts.clear()
    await bench.steps.split(job)
    assert.equal(bench.state.status, 'Completed')
    const { read: _, ...calls } = Object.fromEntries(bench.store.hooks.counts)
    assert.deepEqual(calls, {
      // The job and its state, which a submission in the same process would hand over.
      readWhole: 2,
      // The plan, four results, and the final counts.
      create: 6,
      // The state as `Running`, `Finalizing` and `Completed`, and the entry of the job in the list.
      replace: 4,
      // The entry of the active job, if it is there.
      head: 1,
      stageBlock: 4,
      commitBlocks: 1,
      // That entry.
      remove: 1,
    })
  })

  /** A step as a submission in the same process hands it over. */
  const handedOver = async (bench: JobBench) => {
    const spec = await bench.createJob(rows(7))
    const { value: state, etag } = (await readStoredState(bench.store, folder))!
    return { queue: 'split', message: job, job: { spec, state, etag } } as const
  }

  it('reads nothing of a job that its process has just stored', async () => {
    const bench = new JobBench({ window: 8, chunksPerPart: 8, turnMs: 1000, runOnMs: 3000 })
    const step = await handedOver(bench)
    bench.store.hooks.counts.clear()
    await bench.steps.runner.run([step])
    assert.equal(bench.state.status, 'Completed')
    assert.equal(bench.output, lines(7))
    const { readWhole = 0, head = 0 } = Object.fromEntries(bench.store.hooks.counts)
    assert.deepEqual([readWhole, head], [0, 0])
  })

  it('reads a job that has changed since it was handed over', async () => {
    const bench = new JobBench({ window: 8, chunksPerPart: 8, turnMs: 1000, runOnMs: 3000 })
    const step = await handedOver(bench)
    await changeState(bench.store, folder, { from: ['NotStarted'], to: 'CancelRequested' })
    await bench.steps.runner.run([step])
    assert.equal(bench.state.status, 'Canceled')
    assert.deepEqual([bench.scored, bench.output], [[], undefined])
  })

  it('scores the first chunks while it plans the others, and their messages write what was scored', async () => {
    const bench = new JobBench({ window: 4, chunksPerPart: 4, aheadBytes: 1000 })
    await bench.createJob(rows(30))
    await bench.steps.split(job)
    assert.ok(bench.scored.length > 0)
    await bench.deliverAll()
    assert.equal(bench.output, lines(30))
    const scored = bench.scored.flat()
    assert.deepEqual([...scored].sort(), [...new Set(scored)].sort())
  })

  it('scores none of them again in the next run when it has died of them', async () => {
    const bench = new JobBench({ window: 4, chunksPerPart: 4, aheadBytes: 1000 })
    await bench.createJob(rows(30))
    bench.answer = () => new Promise(() => {}) // as the process that ended
    await bench.steps.split(job)
    const before = bench.scored.length
    bench.answer = json => ({ prediction: `[${json}]` })
    const next = bench.restarted()
    await next.split(job)
    assert.equal(bench.scored.length, before)
    for (let chunk = bench.take('chunk'); chunk; chunk = bench.take('chunk')) await next.chunk(chunk, 1)
    await next.finish(job)
    assert.equal(bench.output, lines(30))
  })

  it('completes a job without rows with an empty output, or a CSV header', async () => {
    const [empty, headerOnly] = [new JobBench(), new JobBench()]
    await empty.runJob('')
    await headerOnly.runJob('a,b\n', { format: 'csv', outputFormat: 'csv' })
    assert.equal(empty.state.status, 'Completed')
    assert.equal(empty.output, '')
    assert.equal(headerOnly.output, 'index,prediction,error_code,error_message\n')
    const withColumns = async (input: string | Buffer, format: 'csv' | 'parquet', change: object) => {
      const bench = new JobBench()
      await bench.runJob(input, { format, ...change, outputFormat: 'csv', output: { include: 'all' } })
      return bench.output
    }
    const parquet = await readFile('test/fixtures/parquet/empty.parquet')
    const header = 'index,a,b,prediction,error_code,error_message\n'
    assert.equal(await withColumns('a,b\n', 'csv', {}), header)
    assert.equal(await withColumns(gzipSync('a,b\n'), 'csv', { isGzip: true }), header)
    assert.equal(await withColumns(parquet, 'parquet', {}), 'index,a,b,c,d,prediction,error_code,error_message\n')
    assert.deepEqual(headerOnly.state.progress, {
      rows: 0,
      succeeded: 0,
      failed: 0,
      chunks: 0,
      chunksDone: 0,
      percent: 100,
    })
  })

  it('stores the text of each chunk of a compressed input', async () => {
    const bench = new JobBench({ budgetMs: 0 })
    await bench.runJob(gzipSync(rows(9)), { isGzip: true })
    assert.equal(bench.output, lines(9))
    assert.equal(bench.store.text({ container: 'jobs', path: `${folder}/in/0000001/0000003` }), '6\n7')
  })

  it('fails a job whose text exceeds maxInputBytes, compressed or not', async () => {
    const limit = { maxInputBytes: 2 ** 20 }
    const text = rows(200_000) // 1.3 MB, which pack to a fraction
    for (const isGzip of [false, true]) {
      const bench = new JobBench(limit)
      await bench.createJob(isGzip ? gzipSync(text) : text, { isGzip, miniBatchSize: 100_000 })
      await bench.steps.split(job)
      assert.deepEqual([bench.state.status, bench.state.error?.code], ['Failed', 'INPUT_TOO_LARGE'])
      assert.match(bench.state.error?.message ?? '', /1048576 bytes \(SCORING_JOB_MAX_INPUT_BYTES\)/)
    }
  })

  it('fails a job whose input is truncated, changed or gone, and says which', async () => {
    const cutOff = new JobBench()
    await cutOff.runJob(gzipSync(rows(9)).subarray(0, 24), { isGzip: true })
    assert.equal(cutOff.state.error?.code, 'INPUT_TRUNCATED')

    const changed = new JobBench()
    await changed.createJob(rows(9))
    changed.store.put({ container: 'input', path: 'rows' }, rows(8))
    await changed.steps.split(job)
    assert.equal(changed.state.status, 'Failed')
    assert.equal(changed.state.error?.code, 'INPUT_CHANGED')
    assert.match(changed.state.error?.message ?? '', /input\/rows/)

    const gone = new JobBench()
    await gone.createJob(rows(9))
    await gone.store.remove({ container: 'input', path: 'rows' })
    await gone.steps.split(job)
    assert.equal(gone.state.error?.code, 'INPUT_MISSING')
  })
})
