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
})
