import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { triggerMetadata } from '../../../src/host/queue/message-input.ts'

describe('triggerMetadata', () => {
  const at = new Date(0)
  const message = {
    id: '1',
    popReceipt: 'r',
    text: '',
    dequeueCount: 1,
    insertedAt: at,
    expiresAt: at,
    nextVisibleAt: at,
  }
  const queueTriggerInput = (text: string) => triggerMetadata(message, text).queueTrigger

  it('has keys that begin in lower case', () => {
    assert.deepEqual(queueTriggerInput('{"JobId": [{"A": 1}]}'), { jobId: [{ a: 1 }] })
    assert.equal(queueTriggerInput('no JSON'), 'no JSON')
  })

  it('leaves a message unchanged that is nested as deeply as a queue allows', () => {
    const depth = 32_000 // 64 KiB
    assert.ok(Array.isArray(queueTriggerInput('['.repeat(depth) + ']'.repeat(depth))))
  })
})
