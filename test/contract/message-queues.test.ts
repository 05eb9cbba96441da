/** What every storage behind the port of queues does: the double that other tests use, and Azure's client over Azurite. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { QueueServiceClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { connectStorage } from '../../src/adapters/azure/storage.ts'
import { jobQueues } from '../../src/jobs/job-queues.ts'
import type { JobMessage, MessageQueues } from '../../src/jobs/message-queues.ts'
import { startStorage } from '../support/azurite-storage.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { MemoryQueues } from '../support/memory-queues.ts'

/** What the host sees. */
interface Received {
  readonly text: string
  readonly dequeueCount: number
}

interface Opened {
  readonly queues: MessageQueues
  /** Takes all messages that can be seen now, and hides them for a minute. */
  receive(queueName: string): Promise<Received[]>
  /** When the storage throws the first message away. */
  expiryYear(queueName: string): Promise<number>
}

const storages: { name: string; open(cleaner: Cleaner): Promise<Opened> }[] = [
  {
    name: 'the double',
    async open() {
      const queues = new MemoryQueues({ now: Date.now })
      const receive = async (queueName: string) => {
        const messages: Received[] = []
        for (let next = queues.receive(queueName, 60); next; next = queues.receive(queueName, 60)) messages.push(next)
        return messages
      }
      return { queues, receive, expiryYear: async () => 9999 } // it has no expiry at all
    },
  },
  {
    name: 'Azurite',
    async open(cleaner) {
      const connectionString = await startStorage(cleaner)
      const { queues } = await connectStorage({ connectionString })
      const owner = QueueServiceClient.fromConnectionString(connectionString)
      const receive = async (queueName: string) => {
        const options = { numberOfMessages: 32, visibilityTimeout: 60 }
        const { receivedMessageItems } = await owner.getQueueClient(queueName).receiveMessages(options)
        return receivedMessageItems.map(({ messageText: text, dequeueCount }) => ({ text, dequeueCount }))
      }
      const expiryYear = async (queueName: string) => {
        const { peekedMessageItems } = await owner.getQueueClient(queueName).peekMessages()
        return peekedMessageItems[0]!.expiresOn.getUTCFullYear()
      }
      return { queues, receive, expiryYear }
    },
  },
]

for (const { name, open } of storages) {
  describe(`MessageQueues: ${name}`, () => {
    const cleanUps: (() => unknown)[] = []
    let opened: Opened
    beforeAll(async () => {
      opened = await open({ onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
    })
    afterAll(async () => {
      for (const cleanUp of cleanUps.reverse()) await cleanUp()
    })

    it('creates the queue, and sends the message as plain JSON', async () => {
      const messages: JobMessage[] = [
        { jobId: 'nightly-1', chunk: 41, poisoned: 2, isRevival: true },
        { jobId: 'a&<b>"\'☃' },
      ]
      for (const message of messages) await opened.queues.send('chunk', message)
      const received = await opened.receive(jobQueues.chunk)
      assert.deepEqual(
        received.map(({ text }) => JSON.parse(text)),
        messages,
      )
      assert.deepEqual(
        received.map(({ dequeueCount }) => dequeueCount),
        [1, 1],
      )
      assert.deepEqual(await opened.receive(jobQueues.chunk), [])
    })

    it('does not mix queues', async () => {
      await opened.queues.send('finish', { jobId: 'of-finish' })
      await opened.queues.send('split', { jobId: 'of-split' })
      const [split] = await opened.receive(jobQueues.split)
      assert.deepEqual(JSON.parse(split!.text), { jobId: 'of-split' })
    })

    it('delivers a delayed message only after its delay', async () => {
      await opened.queues.send('split', { jobId: 'later' }, 600)
      await opened.queues.send('split', { jobId: 'soon' }, 0.2)
      const received: Received[] = []
      for (const giveUpAt = Date.now() + 100_000; received.length === 0 && Date.now() < giveUpAt; ) {
        received.push(...(await opened.receive(jobQueues.split)))
      }
      assert.deepEqual(
        received.map(({ text }) => JSON.parse(text)),
        [{ jobId: 'soon' }],
      )
    })

    it('holds a message, which is received when nobody holds it any more', async () => {
      const held = await opened.queues.hold('split', { jobId: 'done here' }, 1)
      await held.prolong(600)
      const dropped = await opened.queues.hold('split', { jobId: 'left' }, 1)
      const received: Received[] = []
      for (const giveUpAt = Date.now() + 100_000; received.length === 0 && Date.now() < giveUpAt; ) {
        received.push(...(await opened.receive(jobQueues.split)))
      }
      assert.deepEqual(
        received.map(({ text }) => JSON.parse(text)),
        [{ jobId: 'left' }],
      )
      await dropped.prolong(0) // neither shows it again, nor removes it, and neither fails
      await dropped.release()
      await held.prolong(0)
      await held.release()
      await held.release()
      assert.deepEqual(await opened.receive(jobQueues.split), [])
    })

    it('puts submissions back into their queue unchanged', async () => {
      const text = '{"waiting": 1, "submission": {"n": 9007199254740993, "name": "ä<&>"}}'
      await opened.queues.sendBack(text, 0)
      assert.deepEqual(
        (await opened.receive(jobQueues.submit)).map(each => each.text),
        [text],
      )
      await assert.rejects(opened.queues.sendBack('x'.repeat(65_537), 0), /64 KiB|65536/)
    })

    it('sends messages that do not expire', async () => {
      await opened.queues.send('finish', { jobId: 'old' })
      assert.equal(await opened.expiryYear(jobQueues.finish), 9999)
    })

    it('refuses a message longer than 64 KiB', async () => {
      await assert.rejects(opened.queues.send('finish', { jobId: 'x'.repeat(65_536) }), /64 KiB|65536/)
    })
  })
}

describe('AzureMessageQueues', () => {
  it('tells the embedded host which queue has a message, unless it is delayed', async test => {
    const { queues } = await connectStorage({ connectionString: await startStorage(test) })
    const told: unknown[] = []
    const listen = (message: unknown) => told.push(message)
    subscribe('scoring-functions.queue-message', listen)
    test.onTestFinished(() => void unsubscribe('scoring-functions.queue-message', listen))
    await queues.send('finish', { jobId: 'later' }, 30)
    await queues.send('chunk', { jobId: 'now', chunk: 0 })
    assert.deepEqual(told, [{ queueName: 'scoring-job-chunk' }])
  })
})
