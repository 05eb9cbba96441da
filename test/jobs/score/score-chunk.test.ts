import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { ScoringError } from '../../../src/errors.ts'
import { chunkResultBlob, stateBlob } from '../../../src/jobs/layout.ts'
import { changeState } from '../../../src/jobs/records.ts'
import { createJobSteps } from '../../../src/jobs/steps.ts'
import { settle } from '../../support/virtual-clock.ts'
import { folder, JobBench, job } from '../job-bench.ts'

const rows = (count: number) => Array.from({ length: count }, (_, row) => `${row}\n`).join('')

async function splitBench(input: string, change?: Parameters<JobBench['createJob']>[1]): Promise<JobBench> {
  const bench = new JobBench()
  await bench.createJob(input, change)
  await bench.steps.split(job)
  return bench
}

describe('scoreChunk', () => {
  it('commits the results of its rows with their counts, and enqueues the chunk a window later', async () => {
    const bench = await splitBench('0\n"fails"\n2\n3\n4\n{oops\n')
    while (bench.take('chunk'));
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    const reference = chunkResultBlob(folder, 0, 0)
    assert.equal(
      bench.store.text(reference),
      '{"index": 0, "prediction": [0]}\n{"index": 1, "error": {"code": "MODEL_RUN_FAILED", "message": "no"}}\n',
    )
    const { rows, failed, first } = (await bench.store.head(reference))?.metadata ?? {}
    assert.deepEqual({ rows, failed, first }, { rows: '2', failed: '1', first: '0' })
    assert.deepEqual(bench.messages('chunk'), [{ ...job, chunk: 2 }])
  })

  it('ignores a duplicate, and completes what a redelivered message may have left undone', async () => {
    const bench = await splitBench(rows(10))
    while (bench.take('chunk'));
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    assert.deepEqual(bench.take('chunk'), { ...job, chunk: 2 })
    const calls = bench.scored.length
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    assert.deepEqual(bench.messages('chunk'), [])
    // A row of the next chunk may have ended the process, if that had begun it.
    await bench.steps.chunk({ ...job, chunk: 0 }, 2)
    assert.deepEqual(bench.take('chunk'), { ...job, chunk: 2, isRevival: true })
    assert.equal(bench.scored.length, calls)
    await bench.steps.chunk({ ...job, chunk: 2 }, 1)
    assert.deepEqual(bench.take('chunk'), { ...job, chunk: 4 })
    await bench.steps.chunk({ ...job, chunk: 0 }, 3)
    assert.deepEqual(bench.take('chunk'), { ...job, chunk: 4, isRevival: true })
    await bench.steps.chunk({ ...job, chunk: 4 }, 1)
    await bench.steps.chunk({ ...job, chunk: 0 }, 4)
    assert.deepEqual(bench.messages('chunk'), [])
    await bench.steps.chunk({ ...job, chunk: 0, isRevival: true }, 1)
    assert.deepEqual(bench.messages('chunk'), [], 'a copy from the sweeper ends here')
  })

  it('goes on behind a result where the step failed that ran without a message, or a message failed too often', async () => {
    for (const failed of ['run', 'poison'] as const) {
      const bench = new JobBench({ runOnMs: 3000, turnMs: 1000, chunksPerPart: 8 })
      await bench.createJob(rows(10))
      bench.store.hooks.before = ({ name, target }) => {
        if (name === 'create' && target.endsWith('/out/0000000/0000002')) throw new Error('the storage is busy')
      }
      await bench.steps.split(job) // scores chunk 0, whose result is written, and fails with chunk 2
      assert.deepEqual(bench.messages('chunk'), [{ ...job, chunk: 0, isRetry: true }])
      bench.store.hooks.before = () => {}
      if (failed === 'poison') {
        bench.take('chunk')
        await bench.steps.poisoned('chunk', { ...job, chunk: 0 })
        await bench.clock.advance(60_000)
      }
      await bench.steps.chunk(bench.take('chunk'), 1)
      assert.deepEqual(bench.messages('chunk'), [{ ...job, chunk: 2, isRevival: true }], failed)
    }
  })

  it('leaves a chunk to a message only when the one before has a result, so that their part is listed after both', async () => {
    const bench = new JobBench({ turnMs: 1000, chunkBudgetMs: 0, window: 1 })
    bench.tools.scorer.score = async (_, rows) =>
      rows.map((row, index) =>
        'json' in row && (index === 0 || row.json === '1') ? { prediction: row.json } : undefined,
      )
    await bench.createJob(rows(4))
    await bench.steps.split(job)
    while (bench.take('chunk'));
    bench.store.hooks.before = async ({ name, target }) => {
      if (name !== 'create' || !target.endsWith('/out/0000000/0000000')) return
      await settle()
      assert.deepEqual(bench.messages('chunk'), [])
    }
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    assert.deepEqual(bench.messages('chunk'), [{ ...job, chunk: 1, isRevival: false, isContinued: true }])
  })

  it('goes on with the chunks of its position in the window until its turn is over', async () => {
    const bench = new JobBench({ turnMs: 1000 })
    bench.answer = async json => {
      await bench.clock.advance(250)
      return { prediction: json }
    }
    await bench.createJob(rows(20))
    await bench.steps.split(job)
    while (bench.take('chunk'));
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    assert.deepEqual(bench.scored, [
      ['0', '1'],
      ['4', '5'],
    ])
    assert.deepEqual(bench.messages('chunk'), [{ ...job, chunk: 4 }])
  })

  it('lets the other positions of the window go first when it is four parts ahead of them', async () => {
    const bench = new JobBench({ turnMs: 1000 })
    await bench.createJob(rows(40))
    await bench.steps.split(job)
    const [even, odd] = [bench.take('chunk'), bench.take('chunk')]
    const scoredBy = async (message: unknown) => {
      const before = bench.scored.length
      await bench.steps.chunk(message, 1)
      return bench.scored.slice(before).map(([first]) => Number(first) / 2)
    }
    assert.deepEqual(await scoredBy(even), [0, 2, 4, 6, 8])
    const next = bench.take('chunk')
    assert.deepEqual(next, { ...job, chunk: 10 })
    assert.deepEqual(await scoredBy(next), [10], 'each message goes on')
    assert.deepEqual(await scoredBy(odd), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19])
    assert.deepEqual(await scoredBy(bench.take('chunk')), [12, 14, 16, 18])
  })

  it('gives a later chunk that fails a message of its own when the first is redelivered, so that failures of each are counted', async () => {
    const bench = new JobBench({ turnMs: 1000 })
    bench.answer = json => {
      if (json === '4') throw new ScoringError('SERVICE_UNAVAILABLE', 'not now')
      return { prediction: json }
    }
    await bench.createJob(rows(20))
    await bench.steps.split(job)
    while (bench.take('chunk'));
    await assert.rejects(bench.steps.chunk({ ...job, chunk: 0 }, 1), /not now/)
    assert.deepEqual(bench.messages('chunk'), [])
    await bench.steps.chunk({ ...job, chunk: 0 }, 2)
    assert.deepEqual(bench.messages('chunk'), [{ ...job, chunk: 2, isRevival: true }])
  })

  it('finishes a job whose first chunks were enqueued with a window of twice the size, as 0.1.0 did', async () => {
    const bench = new JobBench({ window: 4, chunksPerPart: 4 })
    await bench.createJob(rows(40))
    await bench.steps.split(job)
    const now = createJobSteps({ ...bench.tools, limits: { ...bench.tools.limits, window: 2 } })
    for (let message = bench.take('chunk'); message; message = bench.take('chunk')) await now.chunk(message, 1)
    assert.deepEqual(
      bench.scored
        .flat()
        .map(Number)
        .sort((a, b) => a - b),
      Array.from({ length: 40 }, (_, row) => row),
    )
    await now.finish(bench.take('finish'))
    assert.deepEqual([bench.state.status, bench.output?.split('\n').length], ['Completed', 41])
  })

  it('waits for the plan while it grows, and drops a chunk beyond its end', async () => {
    const bench = new JobBench({ budgetMs: 0 })
    await bench.createJob(rows(7))
    await bench.steps.split(job) // one part: chunks 0 and 1
    while (bench.take('chunk'));
    await bench.steps.chunk({ ...job, chunk: 3 }, 1)
    assert.deepEqual(bench.messages('chunk'), [{ ...job, chunk: 3 }])
    assert.equal(bench.take('chunk'), undefined, 'not at once')
    await bench.clock.advance(2000)
    assert.deepEqual(bench.take('chunk'), { ...job, chunk: 3 })
    await bench.steps.split(job)
    await bench.steps.split(job)
    await bench.steps.chunk({ ...job, chunk: 4 }, 1)
    assert.deepEqual(bench.messages('chunk'), [])
  })

  it('fails the job when the model has changed, or the service no longer exists', async () => {
    const changed = await splitBench(rows(2))
    changed.digest = 'another'
    await changed.steps.chunk({ ...job, chunk: 0 }, 1)
    assert.equal(changed.state.error?.code, 'MODEL_CHANGED')
    const unknown = await splitBench(rows(2))
    unknown.answer = () => {
      throw new ScoringError('SERVICE_UNKNOWN', 'no such service')
    }
    await unknown.steps.chunk({ ...job, chunk: 0 }, 1)
    assert.equal(unknown.state.error?.code, 'SERVICE_UNKNOWN')
    assert.deepEqual(unknown.scored, [['0', '1']])
  })

  it('throws, so that the queue retries, when this instance cannot score', async () => {
    const bench = await splitBench(rows(2))
    bench.answer = () => {
      throw new ScoringError('SERVICE_STOPPING', 'stopping')
    }
    await assert.rejects(bench.steps.chunk({ ...job, chunk: 0 }, 1), /stopping/)
    assert.equal(bench.state.status, 'Running')
  })

  it('continues in several runs when one would take too long, and scores no row twice', async () => {
    for (const isRevival of [false, true]) {
      const bench = new JobBench({ chunkBudgetMs: 0 }) // enough for one row
      await bench.createJob('0\n"fails"\n{oops\n3\n4\n', { miniBatchSize: 5 })
      await bench.steps.split(job)
      if (isRevival) while (bench.take('chunk'));
      if (isRevival) await bench.queues.send('chunk', { ...job, chunk: 0, isRevival })
      await bench.deliverAll()
      assert.equal(bench.state.status, 'Completed')
      assert.deepEqual(
        bench.scored.map(([first, ...others]) => [first, others.length]),
        [
          ['0', 4],
          ['"fails"', 3],
          ['ROW_NOT_JSON', 2],
          ['3', 1],
          ['4', 0],
        ],
      )
      const kept = bench.store.names().filter(name => name.includes('/lines-'))
      const all = isRevival ? ['lines-0-5'] : []
      assert.deepEqual(
        kept.map(name => name.split('/').at(-1)).sort(),
        [...['lines-0-1', 'lines-1-2', 'lines-2-3', 'lines-3-4'], ...all].sort(),
      )
      const indexes = bench.output?.match(/"index": \d/g)?.map(index => Number(index.at(-1)))
      assert.deepEqual(indexes, [0, 1, 2, 3, 4])
    }
  })

  it('counts the failed rows of all results when its own are too many, and every three seconds for those of others', async () => {
    const bench = await splitBench('"fails"\n'.repeat(120), { errorThreshold: 50 }) // two in each chunk
    const other = bench.restarted()
    const looks: number[] = []
    const list = bench.store.list.bind(bench.store)
    let chunk = 0
    bench.store.list = (container, prefix) => {
      if (prefix === `${folder}/plan/`) looks.push(chunk)
      return list(container, prefix)
    }
    const score = (steps = bench.steps) => steps.chunk({ ...job, chunk: chunk++ }, 1)
    while (chunk < 10) await score()
    while (chunk < 16) await score(other)
    await bench.clock.advance(3000)
    while (bench.state.status === 'Running') await score()
    assert.equal(chunk, 26, '52 rows have failed')
    // The first chunk of each process, the first after three seconds, and the one that is too many; the last look writes the end.
    assert.deepEqual(looks, [1, 11, 17, 26, 26])
  })

  it('fails the job when more rows have failed than errorThreshold, and not before', async () => {
    const bench = await splitBench('"fails"\n1\n"fails"\n"fails"\n', { errorThreshold: 1 })
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    assert.equal(bench.state.status, 'Running')
    await bench.steps.chunk({ ...job, chunk: 1 }, 1)
    assert.equal(bench.state.status, 'Failed')
    assert.deepEqual(bench.state.error, {
      code: 'ERROR_THRESHOLD_EXCEEDED',
      message: '3 rows have failed; errorThreshold is 1',
    })
    assert.equal(bench.state.progress?.failed, 3)
  })

  it('reads past a row that is too large, and does not hold it for the threads', async () => {
    const bench = new JobBench()
    bench.tools.scorer.scoreText = async (_, { content }) => {
      assert.ok(content.byteLength < 1000, 'it was held')
      return undefined
    }
    await bench.runJob(Buffer.concat([Buffer.from('1\n"'), Buffer.alloc(25 * 2 ** 20, 'x'), Buffer.from('"\n3\n')]))
    const lines =
      bench.output
        ?.trim()
        .split('\n')
        .map(line => JSON.parse(line)) ?? []
    assert.deepEqual(
      lines.map(({ prediction, error }) => prediction ?? error.code),
      [[1], 'ROW_TOO_LARGE', [3]],
    )
  })

  it('stops within seconds when the job is cancelled', async () => {
    const bench = await splitBench(rows(2))
    let answer = (_: { prediction: string }) => {}
    bench.answer = () => new Promise(resolve => (answer = resolve))
    const done = bench.steps.chunk({ ...job, chunk: 0 }, 1)
    await settle()
    await changeState(bench.store, folder, { from: ['Running'], to: 'CancelRequested' })
    await bench.clock.advance(3000)
    answer({ prediction: '0' })
    await done
    assert.equal(bench.store.text(chunkResultBlob(folder, 0, 0)), undefined)
    assert.equal(bench.clock.timerCount, 0)
  })

  it('scores the job that has the id now, not a removed one', async () => {
    const bench = await splitBench('"old"\n')
    await bench.deliverAll()
    const names = bench.store.names().filter(name => name.startsWith('jobs/'))
    for (const name of names) await bench.store.remove({ container: 'jobs', path: name.slice('jobs/'.length) })
    await bench.createJob('"new"\n', { createdAt: '2026-01-02T00:00:00.000Z' })
    await bench.steps.split(job)
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    assert.deepEqual(bench.scored, [['"old"'], ['"new"']])
  })

  it('logs and drops a message of a removed job, or of another program', async () => {
    const bench = await splitBench(rows(2))
    for (const name of bench.store.names().filter(name => name.startsWith('jobs/'))) {
      await bench.store.remove({ container: 'jobs', path: name.slice('jobs/'.length) })
    }
    for (const { chunk } of [{ chunk: 0 }, { chunk: 1 }]) await bench.steps.chunk({ ...job, chunk }, 1)
    await bench.steps.split(job)
    await bench.steps.finish(job)
    await bench.steps.chunk('not JSON', 1)
    await bench.steps.chunk({ jobId: '../other', chunk: 0 }, 1)
    assert.equal(bench.log.length, 6)
    assert.equal(bench.store.text(stateBlob(folder)), undefined)
    assert.equal(bench.scored.length, 0)
  })
})
