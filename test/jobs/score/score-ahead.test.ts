import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { readPart } from '../../../src/jobs/plan-parts.ts'
import { AheadScorer } from '../../../src/jobs/score/score-ahead.ts'
import { settle } from '../../support/virtual-clock.ts'
import { folder, JobBench, job } from '../job-bench.ts'

/** @returns how many of four chunks of two short rows are scored ahead when each prediction has so many characters */
async function countAhead(length: number): Promise<number> {
  const bench = new JobBench({ window: 4, chunksPerPart: 4, aheadBytes: 1000 })
  bench.answer = () => ({ prediction: `"${'x'.repeat(length)}"` })
  const spec = await bench.createJob('0\n1\n2\n3\n4\n5\n6\n7\n')
  await bench.steps.split(job)
  for (let turn = 0; turn < 20; turn++) await settle()
  const part = await readPart(bench.store, folder, 0)
  assert.ok(part)
  bench.scored.length = 0
  const fresh = new JobBench({ aheadBytes: 1000 })
  const scorer = new AheadScorer({ ...bench.tools, results: fresh.tools.results }, spec, undefined)
  for (const planned of part.chunks) scorer.offer({ planned, next: part.next })
  for (let turn = 0; turn < 50; turn++) await settle()
  return bench.scored.length
}

describe('AheadScorer', () => {
  it('scores no further chunk when the results take more memory than they may, however short the rows are', async () => {
    assert.deepEqual([await countAhead(1), await countAhead(2000)], [4, 1])
  })
})
