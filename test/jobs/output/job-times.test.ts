import assert from 'node:assert/strict'
import { it } from 'vitest'
import { endedView } from '../../../src/jobs/output/job-view.ts'
import type { JobSpec } from '../../../src/jobs/spec.ts'

it('no time of a job is earlier than the one before, whatever the clocks of its hosts say', () => {
  const createdAt = '2026-11-30T08:30:27.379Z'
  const spec = {
    folder: 'diabetes/job-1',
    jobId: 'job-1',
    output: { blob: 'output/a.jsonl', format: 'jsonl' },
  } as JobSpec
  const times = (startedAt: string, endedAt: string) => {
    const view = endedView(spec, { status: 'Completed', createdAt, startedAt, endedAt })
    assert.equal(view.completedAt, view.endedAt)
    return [view.createdAt, view.startedAt, view.endedAt]
  }
  assert.deepEqual(times('2026-11-30T08:30:27.038Z', '2026-11-30T08:30:27.100Z'), [createdAt, createdAt, createdAt])
  const [startedAt, endedAt] = ['2026-11-30T08:30:28.500Z', '2026-11-30T08:30:29.000Z']
  assert.deepEqual(times(startedAt, endedAt), [createdAt, startedAt, endedAt])
  assert.deepEqual(times(startedAt, '2026-11-30T08:30:28.400Z'), [createdAt, startedAt, startedAt])
})
