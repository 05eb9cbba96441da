import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { FunctionRunner, Invocation } from '../../../src/host/app/function-runner.ts'
import { BlobListener } from '../../../src/host/blob/blob-listener.ts'
import { parsePattern } from '../../../src/host/blob/blob-trigger.ts'
import type { HostBlobs } from '../../../src/host/blob/blobs.ts'
import { readQueueSettings } from '../../../src/host/queue/queue-settings.ts'
import { MemoryQueue } from '../../support/memory-queue.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** One blob, `requests/a`, whose versions are numbers; its runs end when the test says so. */
function setUp() {
  const clock = new VirtualClock()
  const receipts = new Set<string>()
  let version = 1
  const blobs: HostBlobs = {
    list: async function* () {
      yield { name: 'a', etag: `"${version}"` }
    },
    read: async () => ({
      content: Buffer.from(String(version)),
      bytes: 1,
      etag: `"${version}"`,
      uri: 'https://mine.blob.core.windows.net/requests/a',
      contentType: undefined,
      contentEncoding: undefined,
      lastModified: undefined,
      metadata: {},
    }),
    exists: async (_, name) => receipts.has(name),
    write: async (_, name) => void receipts.add(name),
  }
  const runs: { text: string; end: (hasSucceeded: boolean) => void }[] = []
  const runner = {
    run: ({ input }: Invocation) => new Promise(end => runs.push({ text: String(input), end })),
  } as FunctionRunner
  const fn = { name: 'f', metadata: { name: 'f', bindings: {} }, handler: () => {} }
  const binding = { type: 'blobTrigger', direction: 'in', dataType: 'binary' } as const
  const pattern = parsePattern('requests/{name}') as NonNullable<ReturnType<typeof parsePattern>>
  const trigger = { kind: 'runs', trigger: { fn, type: 'blobTrigger', binding }, pattern, account: '' } as const
  const listener = new BlobListener(trigger, runner, {
    blobs,
    openQueue: name => new MemoryQueue(name, clock),
    settings: { maxDegreeOfParallelism: 8, poisonBlobThreshold: 5 },
    queueSettings: readQueueSettings({ messageEncoding: 'none' }, { isDevelopment: true, processorCount: 1 }),
    invisibleMs: 600_000,
    clock,
    warn: () => {},
    onWritten: () => {},
  })
  const overwrite = () => {
    version++
  }
  return { clock, listener, runs, overwrite, texts: () => runs.map(({ text }) => text) }
}

describe('BlobListener', () => {
  it('runs a blob that is overwritten meanwhile afterwards, so that its output is that of the last version', async () => {
    const { clock, listener, runs, overwrite, texts } = setUp()
    listener.start()
    await clock.advance(1000)
    assert.deepEqual(texts(), ['1'])
    overwrite()
    await clock.advance(10_000)
    overwrite()
    await clock.advance(10_000)
    assert.deepEqual(texts(), ['1'])
    runs[0]?.end(true)
    await clock.advance(10_000)
    assert.deepEqual(texts(), ['1', '3']) // what was there in between is gone
    runs[1]?.end(true)
    const stopped = listener.stop()
    await clock.advance(10_000)
    await stopped
    assert.deepEqual(texts(), ['1', '3'])
  })
})
