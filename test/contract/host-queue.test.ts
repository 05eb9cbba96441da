import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { systemClock } from '../../src/adapters/local/system-clock.ts'
import { openAzureQueue } from '../../src/host/queue/azure-queue.ts'
import type { Queue } from '../../src/host/queue/queue.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { MemoryQueue } from '../support/memory-queue.ts'

let connectionString: string
const cleanUps: (() => unknown)[] = []
beforeAll(async () => {
  connectionString = await startStorage({ onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
})
afterAll(async () => {
  for (const cleanUp of cleanUps) await cleanUp()
})

const openMemoryQueue = () => new MemoryQueue('queue', systemClock)
const openQueueOnAzurite = () => openAzureQueue(connectionString, `q-${randomUUID()}`)

for (const open of [openMemoryQueue, openQueueOnAzurite] as (() => Queue)[]) {
  describe(`Queue by ${open.name}`, () => {
    it('is empty while it does not exist, and created by the first message', async () => {
      const queue = open()
      assert.deepEqual(await queue.receive(4, 5000), [])
      await queue.send('grüße & <b>')
      const [message] = await queue.receive(4, 5000)
      assert.deepEqual([message?.text, message?.dequeueCount], ['grüße & <b>', 1])
      assert.deepEqual(await queue.receive(4, 5000), [], 'it is invisible now')
    })

    it('makes a message visible again on request, counts deliveries, and accepts the newest receipt only', async () => {
      const queue = open()
      await queue.send('one')
      const [message] = await queue.receive(1, 5000)
      const { id, popReceipt } = message!
      const second = await queue.hide(id, popReceipt, 0)
      assert.equal(await queue.hide(id, popReceipt, 0), undefined, 'an old receipt')
      assert.notEqual(second, undefined)
      const [again] = await queue.receive(1, 5000)
      assert.deepEqual([again?.text, again?.dequeueCount], ['one', 2])
      await queue.delete(id, second!)
      assert.notEqual(await queue.hide(id, again!.popReceipt, 5000).then(Boolean), false, 'still there')
    })

    it('deletes with the newest receipt, and ignores a message that is gone', async () => {
      const queue = open()
      await queue.send('one')
      const [message] = await queue.receive(1, 5000)
      await queue.delete(message!.id, message!.popReceipt)
      await queue.delete(message!.id, message!.popReceipt)
      assert.equal(await queue.hide(message!.id, message!.popReceipt, 0), undefined)
      assert.deepEqual(await queue.receive(1, 5000), [])
    })
  })
}

describe('openAzureQueue', () => {
  it('fails with status and code alone', async () => {
    const wrongKey = connectionString.replace(/AccountKey=\w{5}/, 'AccountKey=AAAAA')
    await assert.rejects(openAzureQueue(wrongKey, 'some').receive(1, 1000), {
      name: 'StorageFault',
      message: /^storage failed with 403 \w+$/,
    })
  })
})
