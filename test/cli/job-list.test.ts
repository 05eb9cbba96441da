import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { displayWidth } from '../../src/cli/terminal.ts'
import { describeJobs } from '../../src/cli/workspace/job-list.ts'
import type { JobDescription } from '../../src/client/index.ts'

const progress = { rows: 40_000, succeeded: 39_999, failed: 1, chunks: 16, chunksDone: 16, percent: 99.9 }
const job = (jobId: string): JobDescription => ({
  ...{ jobId, status: 'Completed', progress, createdAt: '2026-11-28T02:00:00.000Z' },
})

const list = (jobId: string, width: number) =>
  describeJobs([job(jobId)], { width, paint: (_, text) => text }).split('\n')

describe('the list of jobs', () => {
  it('says when a job was submitted', () => {
    assert.deepEqual(list('nightly-2026-11-28', 80), [
      'JOB                 STATUS     DONE   ROWS  FAILED  SUBMITTED (UTC)',
      'nightly-2026-11-28  Completed   99%  40000       1  2026-11-28 02:00',
    ])
  })

  it('has ids as a whole on a terminal of 80 columns, because other commands take them', () => {
    const made = 'job-76422d02-7371-47ba-94e9-40d1b5f0a8c3'
    assert.deepEqual(list(made, 80), [
      `JOB${' '.repeat(37)}  STATUS     DONE   ROWS  FAILED`,
      `${made}  Completed   99%  40000       1`,
    ])
    assert.ok(list(made, 80).every(line => displayWidth(line) <= 80))
    assert.match(list(made, 100)[1] ?? '', /2026-11-28 02:00$/)
  })
})
