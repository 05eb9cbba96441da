import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { JobProgress } from '../../src/cli/workspace/progress.ts'
import type { JobDescription, JobStatus } from '../../src/client/index.ts'

const job = (status: JobStatus, percent: number, rows = 40_000, failed = 0): JobDescription => {
  const succeeded = Math.round((rows * percent) / 100) - failed
  const progress = { rows, succeeded, failed, chunks: 16, chunksDone: 0, percent }
  return { jobId: 'nightly', status, progress, createdAt: '2026-11-28T00:00:00Z' }
}

function open(stream: { isTTY?: boolean; columns?: number }, environment: NodeJS.ProcessEnv = {}) {
  const written: string[] = []
  const clock = { ms: 0 }
  const write = (text: string) => written.push(text)
  const progress = new JobProgress({ stream: { ...stream, write }, environment, now: () => clock.ms })
  return { written, clock, progress }
}

describe('JobProgress', () => {
  it('moves a bar on one line of a terminal, with the time that is left', () => {
    const { written, clock, progress } = open({ isTTY: true, columns: 80 })
    progress.update(job('NotStarted', 0, 0))
    progress.update(job('Running', 0, 0))
    clock.ms = 10_000
    progress.update(job('Running', 25, 40_000, 12))
    progress.update(job('Running', 25, 40_000, 12)) // nothing is new
    progress.update(job('Completed', 100))
    progress.end()
    assert.deepEqual(written, [
      '\r\x1b[KNotStarted  ░░░░░░░░░░░░░░░░░░░░░░░░    0%',
      '\r\x1b[KRunning  ░░░░░░░░░░░░░░░░░░░░░░░░    0%',
      '\r\x1b[KRunning  █████░░░░░░░░░░░░░░   25%  10,000 of 40,000 rows, 12 failed  30 s left',
      '\r\x1b[KCompleted  ████████████████████████  100%  40,000 of 40,000 rows',
      '\n',
    ])
  })

  it('leaves the bar out where the terminal is narrow, and never fills a line', () => {
    const { written, progress } = open({ isTTY: true, columns: 40 })
    progress.update(job('Running', 25, 40_000, 12))
    assert.deepEqual(written, ['\r\x1b[KRunning   25%  10,000 of 40,000 rows, …'])
  })

  it.for<[name: string, stream: { isTTY?: boolean }, environment: NodeJS.ProcessEnv]>([
    ['a pipe', {}, {}],
    ['CI', { isTTY: true }, { CI: 'true' }],
    ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }],
  ])('writes plain lines in %s: each status, and one every ten seconds', ([, stream, environment]) => {
    const { written, clock, progress } = open(stream, environment)
    progress.update(job('Running', 0, 0))
    for (let second = 1; second <= 21; second++) {
      clock.ms = second * 1000
      progress.update(job('Running', second))
    }
    progress.update(job('Finalizing', 100))
    progress.end()
    assert.deepEqual(written, [
      'Running    0%\n',
      'Running   10%  4,000 of 40,000 rows\n',
      'Running   20%  8,000 of 40,000 rows\n',
      'Finalizing  100%  40,000 of 40,000 rows\n',
    ])
  })
})
