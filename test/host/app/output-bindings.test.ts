import assert from 'node:assert/strict'
import type { InvocationContext } from '@azure/functions'
import { describe, it } from 'vitest'
import type { Binding } from '../../../src/host/app/functions-core.ts'
import { OutputBindings } from '../../../src/host/app/output-bindings.ts'

const storage = 'AccountName=mine;AccountKey=c2VjcmV0'

/** What is written for a function that returns `result`. */
async function write(
  bindings: Record<string, object>,
  result: unknown,
  { triggerMetadata = {}, extra = {}, messageEncoding = 'none' as 'none' | 'base64' } = {},
): Promise<string[]> {
  const written: string[] = []
  const outputs = new OutputBindings({
    environment: { AzureWebJobsStorage: storage, QUEUE: 'from-setting' },
    messageEncoding,
    open: async () => ({
      sendToQueue: async (_, name, text) => void written.push(`${name}: ${text}`),
      writeBlob: async (_, { container, name }, content) =>
        void written.push(`${container}|${name}: ${Buffer.from(content)}`),
    }),
  })
  const all = Object.entries(bindings).map(([name, each]) => [
    name,
    { direction: 'out', ...each } as unknown as Binding,
  ])
  const metadata = { name: 'f', bindings: Object.fromEntries(all) }
  const context = { triggerMetadata, extraOutputs: new Map(Object.entries(extra)) }
  await outputs.write({ name: 'f', metadata, handler: () => {} }, context as unknown as InvocationContext, result)
  return written
}

describe('OutputBindings', () => {
  const queue = { type: 'queue', queueName: '%QUEUE%' }

  it('writes text and bytes as they are, and everything else as JSON', async () => {
    assert.deepEqual(await write({ $return: queue }, 'text'), ['from-setting: text'])
    assert.deepEqual(await write({ $return: queue }, Buffer.from('grüße')), ['from-setting: grüße'])
    assert.deepEqual(await write({ $return: queue }, { a: 1 }), ['from-setting: {"a":1}'])
    assert.deepEqual(await write({ $return: queue }, 'text', { messageEncoding: 'base64' }), ['from-setting: dGV4dA=='])
  })

  it('sends a message for each element of a list, and nothing for nothing', async () => {
    assert.deepEqual(await write({ $return: queue }, ['a', 'b']), ['from-setting: a', 'from-setting: b'])
    assert.deepEqual(await write({ $return: queue, more: queue }, undefined), [])
    assert.deepEqual(await write({ $return: queue, more: queue }, null, { extra: { more: 'set' } }), [
      'from-setting: set',
    ])
  })

  it('writes a blob to the path that the trigger fills in', async () => {
    const blob = { type: 'blob', path: 'answers/{name}.json' }
    const triggerMetadata = { name: 'may/a {b}' }
    assert.deepEqual(await write({ $return: blob }, '1', { triggerMetadata }), ['answers|may/a {b}.json: 1'])
    await assert.rejects(write({ $return: blob }, '1'), {
      message: 'output of function "f" is "answers/{name}.json", and its trigger has no "name"',
    })
  })

  it('fails where there is no storage', async () => {
    await assert.rejects(write({ $return: { ...queue, connection: 'Other' } }, 'text'), {
      message: 'output of function "f": AzureWebJobsOther or Other is not set',
    })
  })
})
