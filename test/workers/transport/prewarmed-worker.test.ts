import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { describe, it } from 'vitest'
import { heapLimitsOf } from '../../../src/workers/transport/heap-limits.ts'
import {
  type BlankThread,
  endSpareThread,
  startSpareThread,
  takeBlankThread,
} from '../../../src/workers/transport/prewarmed-worker.ts'

const end = async ({ gate, worker }: BlankThread) => {
  await gate.close() // so that it is not ended inside ONNX Runtime
  await worker.terminate()
}

describe('the spare thread', () => {
  it('goes to the first who wants its limit of memory, and to nobody else', async () => {
    startSpareThread(100)
    const other = takeBlankThread(200)
    const first = takeBlankThread(100)
    const second = takeBlankThread(100)
    assert.deepEqual(
      [first, other, second].map(({ worker }) => worker.resourceLimits?.maxOldGenerationSizeMb),
      [100, 200, 100].map(maxMemoryMb => heapLimitsOf(maxMemoryMb).maxOldGenerationSizeMb),
    )
    const startedInOrder = [first, other, second].map(({ worker }) => worker.threadId)
    assert.deepEqual(
      startedInOrder,
      startedInOrder.toSorted((a, b) => a - b),
    )
    await Promise.all([first, other, second].map(end))
  })

  it('is ended when nobody has taken it', async () => {
    const started = once(process, 'worker') as Promise<[Worker]>
    startSpareThread(100)
    const [spare] = await started
    const isEnded = once(spare, 'exit')
    await endSpareThread()
    await isEnded
    const fresh = takeBlankThread(100)
    assert.notEqual(fresh.worker, spare)
    await end(fresh)
  })

  it('is nobody’s once it has ended by itself: whoever comes gets one that works', async () => {
    const { worker, port } = startSpareThread(100)
    port.postMessage(undefined) // no service, on which it fails
    await new Promise(resolve => worker.once('exit', resolve))
    const fresh = takeBlankThread(100)
    assert.notEqual(fresh.worker, worker)
    await end(fresh)
  })
})
