import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { findEventFaults, listAwaited } from './event-faults.ts'
import type { ReceivedEvent } from './event-receiver.ts'
import type { FinishedJob } from './job-run.ts'

const progress = { rows: 2, succeeded: 2, failed: 0, percent: 100 }
const finish = (jobId: string, event: 'queue' | undefined, isDeleted = false) =>
  ({
    job: { jobId, service: 'sum', event, isDeleted, by: 'plain message' },
    end: { status: 'Completed', progress },
  }) as unknown as FinishedJob
const event: ReceivedEvent = {
  id: 'a-2026',
  type: 'ScoringFunctions.BatchJob.Completed',
  source: '/api/v1/service/sum/jobs',
  subject: 'a',
  data: { jobId: 'a', status: 'Completed', progress },
}

describe('findEventFaults', () => {
  const jobs = [finish('a', 'queue'), finish('silent', undefined)]

  it('takes an event as often as it comes', () => {
    assert.deepEqual(findEventFaults(jobs, [event, event]), [])
  })

  const again: ReceivedEvent = {
    ...{ ...event, id: 'message-1-2026', subject: 'message-1', type: 'ScoringFunctions.BatchJob.Failed' },
    data: { jobId: 'message-1', status: 'Failed', progress, error: { code: 'JOB_ID_TAKEN' } },
  }

  it('takes one for each message of a deleted job that is sent again, and refused', () => {
    const deleted = finish('a', 'queue', true)
    assert.deepEqual(findEventFaults([deleted], [event, again, again]), [])
    const second = { ...again, subject: 'message-2' }
    assert.match(findEventFaults([deleted], [again, second]).join(), /1 messages .* 2 events/)
    assert.match(findEventFaults(jobs, [again]).join(), /0 messages .* 1 events/)
  })

  it.each([
    ['of a job that never existed', { ...event, subject: 'b' }, /event of b, which asked for none/],
    ['of a job that asked for none', { ...event, subject: 'silent' }, /event of silent/],
    ['with another status', { ...event, type: 'ScoringFunctions.BatchJob.Failed' }, /says …BatchJob\.Failed/],
    ['with other counts', { ...event, data: { ...event.data, progress: { ...progress, rows: 1 } } }, /"rows":1/],
    ['with a second id', { ...event, id: 'a-2027' }, /two ids, a-2026 and a-2027/],
  ])('finds one %s', (_, wrong, fault) => {
    assert.match(findEventFaults(jobs, [event, wrong]).join('\n'), fault)
  })
})

describe('listAwaited', () => {
  it('lists the jobs whose event has not come, but for those that were deleted', () => {
    const jobs = [finish('a', 'queue'), finish('b', 'queue'), finish('c', 'queue', true), finish('d', undefined)]
    assert.deepEqual(listAwaited(jobs, [event]), ['b'])
  })
})
