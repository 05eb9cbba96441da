import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { openAzureBus } from '../../../src/host/service-bus/azure-bus.ts'
import type { ReceivedMessage } from '../../../src/host/service-bus/bus.ts'
import { startServiceBus } from '../../support/service-bus-double.ts'

const answer = (id: string, text = id) => ({
  body: Buffer.from(text),
  contentType: 'application/json',
  messageId: id,
  correlationId: 'c',
  to: undefined,
  sessionId: undefined,
})

describe('openAzureBus', () => {
  it('receives messages with their ids and settles each in its own way', async test => {
    const double = await startServiceBus(test, { maxDeliveryCount: 3 })
    const bus = openAzureBus(double.connectionString)
    test.onTestFinished(() => bus.close())
    for (const id of ['complete', 'abandon', 'dead']) assert.equal(await bus.send('in', answer(id, '{"a": 1.0}')), true)
    const seen: ReceivedMessage[] = []
    const faults: string[] = []
    const end = bus.receive('in', {
      maxConcurrentCalls: 4,
      maxLockRenewalMs: 60_000,
      onFault: text => void faults.push(text),
      onMessage: async message => {
        seen.push(message)
        if (message.metadata.messageId === 'complete') await message.complete()
        else if (message.metadata.messageId === 'abandon') await message.abandon()
        else await message.deadLetter('WHY', 'because')
      },
    })
    const queue = double.queue('in')
    await double.until(() => queue.deadLetters.length === 2 && queue.waiting.length === 0)
    await end()
    assert.deepEqual(faults, [])
    assert.deepEqual(
      queue.deadLetters.map(({ message, reason, description }) => [message.message_id, reason, description]).sort(),
      [
        ['abandon', 'MaxDeliveryCountExceeded', 'Message could not be consumed after 3 delivery attempts.'],
        ['dead', 'WHY', 'because'],
      ],
    )
    assert.deepEqual(
      seen.filter(({ metadata }) => metadata.messageId === 'abandon').map(({ metadata }) => metadata.deliveryCount),
      [1, 2, 3],
    )
    const [first] = seen
    assert.equal(first?.body.toString(), '{"a": 1.0}')
    assert.equal(first?.metadata.correlationId, 'c')
    assert.equal(first?.metadata.sequenceNumber, 1)
  })

  it('delivers a message again whose lock was lost, and renews the lock of one that takes long', async test => {
    const double = await startServiceBus(test, { lockMs: 1500 })
    const bus = openAzureBus(double.connectionString)
    test.onTestFinished(() => bus.close())
    const queue = double.queue('in')
    for (const id of ['lost', 'long']) await bus.send('in', answer(id))
    const deliveries: string[] = []
    const over = Promise.withResolvers<void>()
    const end = bus.receive('in', {
      maxConcurrentCalls: 4,
      maxLockRenewalMs: 60_000,
      onFault: () => {},
      onMessage: async message => {
        const id = String(message.metadata.messageId)
        deliveries.push(id)
        if (id === 'long') await over.promise
        else if (deliveries.filter(each => each === id).length === 1) {
          // As when another process has it: its lock is gone at the broker.
          for (const stored of queue.waiting) if (stored.message.message_id === id && stored.lock) stored.lock.until = 0
          await double.until(() => queue.deliveries >= 3)
          await assert.rejects(message.complete(), /MessageLockLost/)
          return
        }
        await message.complete()
        if (id === 'lost') over.resolve()
      },
    })
    await double.until(() => queue.waiting.length === 0)
    await end()
    assert.deepEqual(deliveries.sort(), ['long', 'lost', 'lost'])
  })

  it('says that a message is too large, and why a namespace refuses', async test => {
    const double = await startServiceBus(test, { maxMessageBytes: 1000 })
    const bus = openAzureBus(double.connectionString)
    const stranger = openAzureBus(double.connectionString.replace(/SharedAccessKey=[^;]+/, 'SharedAccessKey=b3RoZXI='))
    test.onTestFinished(async () => void (await Promise.all([bus.close(), stranger.close()])))
    assert.equal(await bus.send('out', answer('large', 'x'.repeat(1001))), false)
    await assert.rejects(stranger.send('out', answer('a')), (error: Error) => {
      assert.match(error.message, /^a message could not be sent to the queue "out": .*(Unauthorized|InvalidSignature)/)
      assert.doesNotMatch(error.message, /b3RoZXI|SharedAccessSignature/)
      return true
    })
  })

  it('goes on where it was when the namespace has been away', async test => {
    const first = await startServiceBus(test)
    const bus = openAzureBus(first.connectionString)
    test.onTestFinished(() => bus.close())
    const received: string[] = []
    const faults: string[] = []
    const isAway = Promise.withResolvers<void>()
    const end = bus.receive('in', {
      maxConcurrentCalls: 1,
      maxLockRenewalMs: 60_000,
      onFault: text => {
        faults.push(text)
        isAway.resolve()
      },
      onMessage: async message => {
        received.push(message.body.toString())
        await message.complete()
      },
    })
    await bus.send('in', answer('before'))
    await first.until(() => received.length === 1 && first.queue('in').waiting.length === 0)
    await first.stop()
    await isAway.promise
    assert.match(faults[0] ?? '', /ECONN|connection|closed/i)
    const second = await startServiceBus(test, { port: first.port })
    await bus.send('in', answer('after'))
    await second.until(() => second.queue('in').waiting.length === 0 && second.queue('in').deliveries > 0)
    assert.deepEqual(received, ['before', 'after'])
    await end()
    await bus.close()
  })
})
