import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { triggerMetadataOf } from '../../../src/host/queue/message-input.ts'

describe('triggerMetadataOf', () => {
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
  const inputOf = (text: string) => triggerMetadataOf(message, text).queueTrigger

  it('has keys that begin with a small letter', () => {
    assert.deepEqual(inputOf('{"JobId": [{"A": 1}]}'), { jobId: [{ a: 1 }] })
    assert.equal(inputOf('no JSON'), 'no JSON')
  })

  it('leaves a message to its function that is nested as deeply as a queue takes', () => {
    const depth = 32_000 // 64 KiB
    assert.ok(Array.isArray(inputOf('['.repeat(depth) + ']'.repeat(depth))))
  })
})
