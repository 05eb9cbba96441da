import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { readProgress } from '../../../src/jobs/output/progress.ts'
import { JobBench, job } from '../job-bench.ts'

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
})
