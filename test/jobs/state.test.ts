import assert from 'node:assert/strict'
import { it } from 'vitest'
import { timeOfChange } from '../../src/jobs/state.ts'

it('no change of a job is earlier than the one before, whatever the clocks of its hosts say', () => {
  const createdAt = '2026-11-30T08:30:27.379Z'
  const created = { status: 'NotStarted', createdAt } as const
  assert.equal(timeOfChange(Date.parse('2026-11-30T08:30:27.038Z'), created), createdAt)
  const startedAt = timeOfChange(Date.parse('2026-11-30T08:30:28.5Z'), created)
  assert.equal(startedAt, '2026-11-30T08:30:28.500Z')
  const running = { status: 'Running', createdAt, startedAt } as const
  assert.equal(timeOfChange(Date.parse('2026-11-30T08:30:27.999Z'), running), startedAt)
  assert.equal(timeOfChange(Date.parse('2026-11-30T08:30:28.501Z'), running), '2026-11-30T08:30:28.501Z')
})
