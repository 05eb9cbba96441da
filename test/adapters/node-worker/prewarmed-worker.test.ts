import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { describe, it } from 'vitest'
import { heapLimits } from '../../../src/adapters/node-worker/heap-limits.ts'
import {
  endPrewarmedWorker,
  keepPrewarmedWorker,
  takePrewarmedWorker,
} from '../../../src/adapters/node-worker/prewarmed-worker.ts'
import { type StartedThread, startWorkerThread } from '../../../src/adapters/node-worker/start-thread.ts'

const end = async ({ guard, worker }: StartedThread) => {
  await guard.close() // so that it is not ended inside ONNX Runtime
  await worker.terminate()
}

describe('takePrewarmedWorker', () => {
  it('gives the prewarmed worker to the first service with its memory limit', async () => {
    keepPrewarmedWorker(startWorkerThread(100))
    const other = takePrewarmedWorker(200)
    const first = takePrewarmedWorker(100)
    const second = takePrewarmedWorker(100)
    assert.deepEqual(
      [first, other, second].map(({ worker }) => worker.resourceLimits?.maxOldGenerationSizeMb),
      [100, 200, 100].map(maxMemoryMb => heapLimits(maxMemoryMb).maxOldGenerationSizeMb),
    )
    const startedInOrder = [first, other, second].map(({ worker }) => worker.threadId)
    assert.deepEqual(
      startedInOrder,
      startedInOrder.toSorted((a, b) => a - b),
    )
    await Promise.all([first, other, second].map(end))
  })

  it('starts a worker when the prewarmed one was ended unused', async () => {
    const started = once(process, 'worker') as Promise<[Worker]>
    keepPrewarmedWorker(startWorkerThread(100))
    const [unused] = await started
    const isEnded = once(unused, 'exit')
    await endPrewarmedWorker()
    await isEnded
    const fresh = takePrewarmedWorker(100)
    assert.notEqual(fresh.worker, unused)
    await end(fresh)
  })

  it('starts a worker when the prewarmed one has ended by itself', async () => {
    const started = startWorkerThread(100)
    const { worker, port } = started
    keepPrewarmedWorker(started)
    port.postMessage(undefined) // no service, on which it fails
    await new Promise(resolve => worker.once('exit', resolve))
    const fresh = takePrewarmedWorker(100)
    assert.notEqual(fresh.worker, worker)
    await end(fresh)
  })
})
