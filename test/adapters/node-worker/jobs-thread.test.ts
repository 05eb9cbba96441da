import assert from 'node:assert/strict'
import { QueueServiceClient } from '@azure/storage-queue'
import { describe, it } from 'vitest'
import { JobsThread } from '../../../src/adapters/node-worker/jobs-thread.ts'
import { jobLimits } from '../../../src/jobs/limits.ts'
import { startStorage } from '../../support/azurite-storage.ts'

/** Nothing listens there (RFC 863 keeps the port for a service that nobody runs). */
const nowhere = 'http://127.0.0.1:9/a'
const key = Buffer.from('key').toString('base64')
const connectionString = `AccountName=a;AccountKey=${key};BlobEndpoint=${nowhere};QueueEndpoint=${nowhere}`

function open(storage: object) {
  const ends: string[] = []
  const log: string[] = []
  const functions = { log: (line: string) => void log.push(line), queueWritten: () => {} }
  const data = { storage, limits: jobLimits, isTraced: false }
  const thread = new JobsThread({ data, functions, onEnd: ({ message }) => ends.push(message) })
  return { thread, ends, log }
}

describe('JobsThread', () => {
  it('runs steps until it is stopped', async () => {
    const { thread, ends, log } = open({ connectionString })
    await thread.calls().call('finish', { message: 'not a message of the app' }) // which is dropped
    await thread.stop()
    assert.deepEqual(ends, [])
    assert.match(log.join(), /that the app did not send/) // by the main thread, which knows the format of the log
  })

  it('stops although the thread ends by itself meanwhile, and twice', async () => {
    const { thread, ends } = open({}) // without a storage it ends
    thread.calls()
    await Promise.all([thread.stop(), thread.stop()])
    await thread.stop()
    assert.equal(ends.length, 1)
  })

  it('leaves to others what comes after the stop', async test => {
    const connectionString = await startStorage(test)
    const { thread, ends } = open({ connectionString })
    const message = { service: 'iris', jobId: 'nightly-1' }
    await thread.stop()
    await thread.calls().call('run', { steps: [{ queue: 'finish', message }], slotWait: undefined })
    const queue = QueueServiceClient.fromConnectionString(connectionString).getQueueClient('scoring-job-finish')
    assert.equal((await queue.getProperties()).approximateMessagesCount, 1)
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
