import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { readProgress } from '../../../src/jobs/output/progress.ts'
import { folder, JobBench, job } from '../job-bench.ts'

describe('readProgress', () => {
  it('counts what is committed before, during and after scoring', async () => {
    const bench = new JobBench({ budgetMs: 0 })
    const rows = ['0', '"fails"', '2', '3', '4', '5', '6', '7', '8', '9'] // 2 a chunk, 2 chunks a part
    const spec = await bench.createJob(`${rows.join('\n')}\n`)
    const progress = () => readProgress(bench.store, spec, bench.state)
    const none = { rows: 0, succeeded: 0, failed: 0, chunks: 0, chunksDone: 0, percent: 0 }
    assert.deepEqual(await progress(), none)
    await bench.steps.split(job)
    // Half of the 4 rows that are planned, which are 13 of 26 bytes.
    await bench.steps.chunk({ ...job, chunk: 0 }, 1)
    assert.deepEqual(await progress(), { rows: 4, succeeded: 1, failed: 1, chunks: 2, chunksDone: 1, percent: 25 })
    await bench.steps.split(job)
    await bench.steps.split(job)
    await bench.steps.chunk({ ...job, chunk: 1 }, 1)
    await bench.steps.chunk({ ...job, chunk: 2 }, 1)
    assert.deepEqual(await progress(), { rows: 10, succeeded: 5, failed: 1, chunks: 5, chunksDone: 3, percent: 60 })
    await bench.deliverAll()
    assert.deepEqual(await progress(), { rows: 10, succeeded: 9, failed: 1, chunks: 5, chunksDone: 5, percent: 100 })
  })

  it('costs a listing of the plan, one of the closed parts, and one of each part that is open', async () => {
    const bench = new JobBench()
    const spec = await bench.createJob('', { files: { a: '1\n2\n3\n', b: '4\n5\n6\n', c: '7\n' } }) // chunks of 2, 1, 2, 1, 1 rows
    await bench.steps.split(job)
    for (const chunk of [0, 1, 2]) await bench.steps.chunk({ ...job, chunk }, 1)
    const prefixes: string[] = []
    const list = bench.store.list.bind(bench.store)
    bench.store.list = (container, prefix) => {
      prefixes.push(prefix.slice(folder.length + 1))
      return list(container, prefix)
    }
    const progress = await readProgress(bench.store, spec, bench.state)
    assert.deepEqual(prefixes, ['plan/', 'done/', 'out/0000001/', 'out/0000002/'])
    const counts = { rows: 7, succeeded: 5, failed: 0, chunks: 5, chunksDone: 3, percent: 71.4 }
    assert.deepEqual(progress, { ...counts, files: 3, filesDone: 0 })
  })
})
