import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { seededRandom } from '../../support/seeded-random.ts'
import { folder, JobBench, job } from '../job-bench.ts'

const rows = (count: number) => Array.from({ length: count }, (_, row) => `${row}\n`).join('')

/** Counts listings from now on, by their prefix below the folder of the job. */
function countLists(bench: JobBench): Record<string, number> {
  const counts: Record<string, number> = {}
  const list = bench.store.list.bind(bench.store)
  bench.store.list = (container, prefix) => {
    const below = prefix.slice(folder.length + 1)
    counts[below] = (counts[below] ?? 0) + 1
    return list(container, prefix)
  }
  return counts
}

describe('closePartAndJob', () => {
  it('lists no results, and the parts once, where one process scores all chunks', async () => {
    const bench = new JobBench({ window: 4, chunksPerPart: 16 })
    await bench.createJob(rows(2 * 47))
    await bench.steps.split(job)
    const counts = countLists(bench)
    for (let message = bench.take('chunk'); message; message = bench.take('chunk')) await bench.steps.chunk(message, 1)
    assert.deepEqual(counts, { 'plan/': 1, 'done/': 1 })
    assert.deepEqual(bench.messages('finish'), [job])
  })

  it('finishes a job after its last result, whichever processes score its chunks, and in whatever order', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = seededRandom(seed)
      const below = (count: number) => Math.floor(random() * count)
      const bench = new JobBench({ window: 4, chunksPerPart: 8, turnMs: below(2) * 1000 })
      await bench.createJob(rows(2 * (1 + below(40))))
      await bench.steps.split(job)
      const processes = [bench.steps, bench.restarted(), bench.restarted()]
      for (;;) {
        const messages = Array.from({ length: 1 + below(4) }, () => bench.take('chunk')).filter(Boolean)
        if (messages.length === 0) break
        await Promise.all(messages.map(message => processes[below(3)]?.chunk(message, 1)))
      }
      for (let message = bench.take('finish'); message; message = bench.take('finish'))
        await bench.steps.finish(message)
      assert.equal(bench.state.status, 'Completed', `seed ${seed}`)
    }
  })
})
