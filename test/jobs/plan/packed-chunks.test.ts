import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'vitest'
import { chunkInputBlob, packedInputBlob, planPartBlob } from '../../../src/jobs/layout.ts'
import type { PlanPart } from '../../../src/jobs/plan-parts.ts'
import { packedText } from '../inputs.ts'
import { folder, JobBench, job } from '../job-bench.ts'

/** Written by pyarrow (test/fixtures/parquet/write.py): row i is i/10, 2i/10, 3i/10, 5i/10. */
const iris = await readFile('test/fixtures/parquet/iris-none.parquet')
const rows = Array.from({ length: 60 }, (_, i) => `[${[1, 2, 3, 5].map(step => (i * step) / 10)}]`)
const output = rows.map((row, index) => `{"index": ${index}, "prediction": [${row}]}\n`).join('')

async function benchWith(change: object = {}): Promise<JobBench> {
  const bench = new JobBench()
  Object.assign(bench.tools.scorer, { inputs: async () => [{ name: 'x', dtype: 'float64', shape: ['n', 4] }] })
  await bench.createJob(iris, { format: 'parquet', miniBatchSize: 25, ...change })
  return bench
}

describe('a job whose chunks are packed', () => {
  it('gives the rows of the file', async () => {
    const bench = await benchWith()
    await bench.queues.send('split', job)
    await bench.deliverAll()
    assert.equal(bench.output, output)
    assert.ok(await bench.store.head(packedInputBlob(folder, 1, 2)))
    assert.equal(await bench.store.head(chunkInputBlob(folder, 1, 2)), undefined)
  })

  it('copies columns to the output', async () => {
    const bench = await benchWith({ output: { include: ['d', 'a'] } })
    await bench.queues.send('split', job)
    await bench.deliverAll()
    const line = '{"index": 59, "columns": {"d": 29.5, "a": 5.9}, "prediction": [[5.9,11.8,17.7,29.5]]}'
    assert.equal(bench.output?.trimEnd().split('\n').at(-1), line)
  })

  it('finds a row that ends the process', async () => {
    const bench = await benchWith({ miniBatchSize: 60 })
    await bench.steps.split(job)
    for (let deaths = 0, isOver = false; !isOver; deaths++) {
      assert.ok(deaths < 20)
      const death = new Promise<void>(resolve => {
        bench.answer = json => {
          if (json !== rows[31]) return { prediction: `[${json}]` }
          resolve()
          return new Promise(() => {}) // a dead instance makes no progress
        }
      })
      const done = bench.restarted().chunk({ ...job, chunk: 0 }, deaths + 1)
      isOver = await Promise.race([done.then(() => true), death.then(() => false)])
      await bench.clock.advance(61_000)
    }
    await bench.deliverAll()
    const lines = output.trimEnd().split('\n')
    const error = '{"code": "ROW_ENDED_PROCESS", "message": "The process that scored this row ended, 3 times."}'
    lines[31] = `{"index": 31, "error": ${error}}`
    assert.deepEqual(bench.output?.trimEnd().split('\n'), lines)
  })

  it('goes on with a plan of text, which an earlier version has written', async () => {
    const bench = await benchWith()
    await bench.steps.split(job)
    for (const part of [0, 1]) {
      const stored = bench.store.text(planPartBlob(folder, part))
      if (stored === undefined) continue
      const plan = JSON.parse(stored) as PlanPart
      for (const { chunk } of plan.chunks) {
        const packed = await bench.store.readWhole(packedInputBlob(folder, part, chunk))
        bench.store.put(chunkInputBlob(folder, part, chunk), packedText(packed?.content as Uint8Array))
        await bench.store.remove(packedInputBlob(folder, part, chunk))
      }
      const chunks = plan.chunks.map(({ isPacked: _, ...chunk }) => chunk)
      const { metadata } = (await bench.store.head(planPartBlob(folder, part))) ?? {}
      bench.store.put(planPartBlob(folder, part), JSON.stringify({ ...plan, chunks }), metadata)
    }
    await bench.clock.advance(60_000) // what the planner has kept is gone
    await bench.deliverAll(bench.restarted())
    assert.equal(bench.output, output)
  })
})
