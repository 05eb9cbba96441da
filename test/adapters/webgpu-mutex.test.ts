import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, it } from 'vitest'
import { WebgpuTurns } from '../../src/adapters/onnxruntime/webgpu-mutex.ts'

const file = new URL('../../src/adapters/onnxruntime/webgpu-mutex.ts', import.meta.url)

/** Takes 200 turns, and counts how many threads have one at the same time. */
const taking = `
  const { parentPort, threadId, workerData } = require('node:worker_threads')
  parentPort.ref()
  import(workerData.file).then(async ({ WebgpuTurns }) => {
    const turns = new WebgpuTurns(workerData.memory)
    const inside = new Int32Array(workerData.inside)
    let most = 0
    const one = () => turns.take(threadId, async () => {
      most = Math.max(most, Atomics.add(inside, 0, 1) + 1)
      await new Promise(done => setImmediate(done))
      Atomics.sub(inside, 0, 1)
    })
    for (let round = 0; round < 100; round++) await Promise.all([one(), one()])
    parentPort.postMessage(most)
    parentPort.unref()
  })`
/** Takes a turn and never gives it back. */
const keeping = `
  const { parentPort, threadId, workerData } = require('node:worker_threads')
  parentPort.ref()
  import(workerData.file).then(({ WebgpuTurns }) =>
    new WebgpuTurns(workerData.memory).take(threadId, () => { parentPort.postMessage('in'); return new Promise(() => {}) }))`

const shared = () => ({ file: file.href, memory: new SharedArrayBuffer(4), inside: new SharedArrayBuffer(4) })
const start = (code: string, workerData: object) => new Worker(code, { eval: true, workerData })

describe('the turns of threads on the GPU', () => {
  it('are taken by one at a time, whatever else the threads do', async () => {
    const data = shared()
    const threads = [1, 2, 3].map(() => start(taking, data))
    const ended = Promise.all(threads.map(thread => once(thread, 'exit')))
    const most = await Promise.all(threads.map(thread => once(thread, 'message')))
    assert.deepEqual(most, [[1], [1], [1]])
    await ended
  })

  it('go on when a thread ends in the middle of its own', async () => {
    const data = shared()
    const turns = new WebgpuTurns(data.memory)
    const thread = start(keeping, data)
    const { threadId } = thread
    await once(thread, 'message')
    let isTaken = false
    const mine = turns.take(0, async () => {
      isTaken = true
    })
    await turns.enterForEnd(threadId) // has it already, so does not wait for itself
    assert.equal(isTaken, false)
    await thread.terminate()
    turns.leave(threadId)
    await mine
    assert.equal(isTaken, true)
  })

  it('give way to the end of a thread, which no other may compute beside', async () => {
    const turns = new WebgpuTurns(new SharedArrayBuffer(4))
    const computing = Promise.withResolvers<void>()
    const order: string[] = []
    const other = turns.take(1, () => computing.promise.then(() => void order.push('computed')))
    const end = turns.enterForEnd(2).then(() => order.push('ended'))
    computing.resolve()
    await Promise.all([other, end])
    const next = turns.take(1, async () => order.push('computed again'))
    turns.leave(2)
    await next
    assert.deepEqual(order, ['computed', 'ended', 'computed again'])
  })
})
