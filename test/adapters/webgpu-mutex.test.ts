import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, it } from 'vitest'
import { WebgpuMutex } from '../../src/adapters/onnxruntime/webgpu-mutex.ts'

const file = new URL('../../src/adapters/onnxruntime/webgpu-mutex.ts', import.meta.url)

/** Runs work 200 times, and counts how many threads have one at the same time. */
const taking = `
  const { parentPort, threadId, workerData } = require('node:worker_threads')
  parentPort.ref()
  import(workerData.file).then(async ({ WebgpuMutex }) => {
    const mutex = new WebgpuMutex(workerData.memory)
    const inside = new Int32Array(workerData.inside)
    let most = 0
    const one = () => mutex.run(threadId, async () => {
      most = Math.max(most, Atomics.add(inside, 0, 1) + 1)
      await new Promise(done => setImmediate(done))
      Atomics.sub(inside, 0, 1)
    })
    for (let round = 0; round < 100; round++) await Promise.all([one(), one()])
    parentPort.postMessage(most)
    parentPort.unref()
  })`
/** Locks the mutex and never unlocks it. */
const keeping = `
  const { parentPort, threadId, workerData } = require('node:worker_threads')
  parentPort.ref()
  import(workerData.file).then(({ WebgpuMutex }) =>
    new WebgpuMutex(workerData.memory).run(threadId, () => { parentPort.postMessage('in'); return new Promise(() => {}) }))`

const shared = () => ({ file: file.href, memory: new SharedArrayBuffer(4), inside: new SharedArrayBuffer(4) })
const start = (code: string, workerData: object) => new Worker(code, { eval: true, workerData })

describe('WebgpuMutex', () => {
  it('runs the work of one thread at a time, whatever else the threads do', async () => {
    const data = shared()
    const threads = [1, 2, 3].map(() => start(taking, data))
    const ended = Promise.all(threads.map(thread => once(thread, 'exit')))
    const most = await Promise.all(threads.map(thread => once(thread, 'message')))
    assert.deepEqual(most, [[1], [1], [1]])
    await ended
  })

  it('is unlocked for a thread that ends in the middle of its work', async () => {
    const data = shared()
    const mutex = new WebgpuMutex(data.memory)
    const thread = start(keeping, data)
    const { threadId } = thread
    await once(thread, 'message')
    let isTaken = false
    const mine = mutex.run(0, async () => {
      isTaken = true
    })
    await mutex.lockForEnd(threadId) // has it already, so does not wait for itself
    assert.equal(isTaken, false)
    await thread.terminate()
    mutex.unlock(threadId)
    await mine
    assert.equal(isTaken, true)
  })

  it('keeps other threads from computing while one is ended', async () => {
    const mutex = new WebgpuMutex(new SharedArrayBuffer(4))
    const computing = Promise.withResolvers<void>()
    const order: string[] = []
    const other = mutex.run(1, () => computing.promise.then(() => void order.push('computed')))
    const end = mutex.lockForEnd(2).then(() => order.push('ended'))
    computing.resolve()
    await Promise.all([other, end])
    const next = mutex.run(1, async () => order.push('computed again'))
    mutex.unlock(2)
    await next
    assert.deepEqual(order, ['computed', 'ended', 'computed again'])
  })
})
