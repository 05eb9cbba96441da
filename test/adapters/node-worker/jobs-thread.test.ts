import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { JobsThread } from '../../../src/adapters/node-worker/jobs-thread.ts'
import { jobLimits } from '../../../src/jobs/limits.ts'

/** Nothing listens there (RFC 863 keeps the port for a service that nobody runs). */
const nowhere = 'http://127.0.0.1:9/a'
const key = Buffer.from('key').toString('base64')
const connectionString = `AccountName=a;AccountKey=${key};BlobEndpoint=${nowhere};QueueEndpoint=${nowhere}`

function open(storage: object) {
  const ends: string[] = []
  const data = { storage, limits: jobLimits, isTraced: false }
  return { thread: new JobsThread({ data, functions: {}, onEnd: ({ message }) => ends.push(message) }), ends }
}

describe('JobsThread', () => {
  it('runs steps until it is stopped', async () => {
    const { thread, ends } = open({ connectionString })
    await thread.calls().call('finish', { message: 'not a message of the app' }) // which is dropped
    await thread.stop()
    assert.deepEqual(ends, [])
  })

  it('fails the calls of a thread that ends, and starts another one', async () => {
    const { thread, ends } = open({}) // without a storage it ends
    const why = /^Error: the thread of the jobs ended: the thread of the jobs was started without a storage$/
    const first = thread.calls()
    await assert.rejects(Promise.all([first.call('sweep', undefined), first.call('sweep', undefined)]), why)
    assert.notEqual(thread.calls(), first)
    await assert.rejects(thread.calls().call('sweep', undefined), why)
    assert.equal(ends.length, 2)
  })
})
