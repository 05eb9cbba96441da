import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, it, type TestContext, vi } from 'vitest'
import { FolderModelStore } from '../../../src/adapters/local/folder-model-store.ts'
import { NodeWorker } from '../../../src/adapters/node-worker/node-worker.ts'
import { hasScript } from '../../../src/models/repository/service-spec.ts'
import { BodyMemory, type TakenMemory } from '../../../src/scheduling/body-memory.ts'
import type { InferenceResult } from '../../../src/scheduling/inference-result.ts'
import { ServiceScheduler } from '../../../src/workers/pool/service-scheduler.ts'
import { writeModel } from '../../support/onnx-writer.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { makeServices, type ServiceFiles } from '../../support/service-folder.ts'

const rowElements = 20_000
const answerMs = 60_000

/** Least and largest number of each row: a row of one number, among which is nothing of another body, has it twice. */
const extremes = writeModel({
  nodes: [
    { op: 'ReduceMin', inputs: ['x'], outputs: ['least'], attributes: { axes: [1], keepdims: 1 } },
    { op: 'ReduceMax', inputs: ['x'], outputs: ['most'], attributes: { axes: [1], keepdims: 1 } },
    { op: 'Concat', inputs: ['least', 'most'], outputs: ['y'], attributes: { axis: 1 } },
  ],
  inputs: [['x', 'float32', ['batch', rowElements]]],
  outputs: [['y', 'float32', ['batch', 2]]],
})

/** A script that keeps what it gets, ends its thread for 13, and does not come back for 14. */
const script = `
  import { tensor } from 'scoring-functions'
  export const input = tensor([new Array(${rowElements}).fill(1)], 'float32')
  export const init = () => {}
  const kept = []
  export const run = ({ data }) => {
    const rows = Array.from({ length: data.shape[0] }, (_, row) => data.data.subarray(row * ${rowElements}, (row + 1) * ${rowElements}))
    if (rows.some(row => row[0] === 13)) process.exit(1)
    if (rows.some(row => row[0] === 14)) for (;;);
    kept.push([data.data, data.data[0], data.data.at(-1)])
    if (kept.length > 20) kept.shift()
    if (kept.some(([numbers, first, last]) => numbers[0] !== first || numbers.at(-1) !== last)) throw new Error('what was kept has changed')
    if (kept.some(([{ buffer }]) => buffer instanceof SharedArrayBuffer)) throw new Error('the memory is shared')
    return rows.map(row => [Math.min(...row.subarray(0, 9), row.at(-1)), Math.max(...row.subarray(0, 9), row.at(-1))])
  }`

/** The service in real threads, any of which may be ended, called as a route calls it. */
async function serve(test: TestContext, files: ServiceFiles) {
  const store = new FolderModelStore(await makeServices(files, test))
  const spec = await store.openService('sut')
  const threads = new Set<NodeWorker>()
  const scheduler = new ServiceScheduler({
    startWorker: onEvent => {
      const thread: NodeWorker = new NodeWorker(spec, {
        maxMemoryMb: 512,
        onEvent: event => {
          if (event.kind === 'exited') threads.delete(thread)
          onEvent(event)
        },
      })
      threads.add(thread)
      return thread
    },
    maxThreads: 2,
    ...spec.definition.limits,
    hasEntryScript: hasScript(spec),
    log: () => {},
  })
  test.onTestFinished(() => scheduler.stop())
  await scheduler.start()
  const memory = new BodyMemory(Number.POSITIVE_INFINITY)
  const ask = async (value: number, rows: number, isAbandoned = () => false, timeoutMs = answerMs) => {
    const taken = memory.take(rows * rowElements * 4)
    assert.ok(taken)
    new Float32Array(taken.bytes.buffer, taken.bytes.byteOffset, rows * rowElements).fill(value)
    const result = scheduler.submit(
      { codec: 'azureml', body: taken.bytes, contentType: 'application/octet-stream' },
      isAbandoned,
      { timeoutMs, since: performance.now() },
    )
    // A stream of gRPC that has ended does not wait for what it has submitted.
    if (value % 2 === 0) taken.hold.release()
    return result.finally(() => taken.hold.release())
  }
  const endThread = () => [...threads][0]?.terminate()
  const allGivenBack = () => vi.waitFor(() => assert.equal(memory.heldBytes, 0), { timeout: answerMs, interval: 20 })
  return { ask, endThread, allGivenBack }
}

/** @returns the code of a failure; '' for an answer, which has to be that of the body */
function check(result: InferenceResult, value: number, rows: number): string {
  if (result.kind === 'failure') return result.code
  assert.ok(result.kind === 'encoded')
  assert.deepEqual(
    JSON.parse(result.body),
    Array.from({ length: rows }, () => [value, value]),
  )
  return ''
}

describe('NodeWorker, with bodies in shared memory', () => {
  it('holds a body until it is scored, or the thread has ended, although its caller has left', async test => {
    const store = new FolderModelStore(
      await makeServices({ 'sut/service.json': {}, 'sut/1/model.onnx': extremes }, test),
    )
    const events = new EventEmitter()
    const spec = await store.openService('sut')
    const thread = new NodeWorker(spec, { maxMemoryMb: 512, onEvent: event => events.emit(event.kind, event) })
    test.onTestFinished(() => thread.terminate())
    await once(events, 'loaded')
    const memory = new BodyMemory(Number.POSITIVE_INFINITY)
    const dispatch = () => {
      const taken = memory.take(rowElements * 4) as TakenMemory
      thread.dispatch([{ codec: 'azureml', body: taken.bytes, contentType: 'application/octet-stream' }], [])
      taken.hold.release()
    }
    for (const end of ['results', 'exited']) {
      const ended = once(events, end)
      dispatch()
      assert.ok(memory.heldBytes > 0)
      if (end === 'exited') await thread.terminate()
      await ended
      assert.equal(memory.heldBytes, 0, end)
    }
  })

  it('scores each body by itself, whoever leaves, whose time is up, and whichever thread ends', async test => {
    const { ask, endThread, allGivenBack } = await serve(test, {
      'sut/service.json': { limits: { timeoutMs: 30_000 }, batching: { maxRows: 4 } },
      'sut/1/model.onnx': extremes,
    })
    const random = seededRandom(15)
    const counts = new Map<string, number>()
    let value = 0
    const caller = async (_: unknown, index: number) => {
      for (let round = 0; round < 25; round++) {
        const [mine, rows, what] = [++value, 1 + Math.floor(random() * 3), random()]
        const asked = what < 0.1 ? ask(mine, rows, () => true) : ask(mine, rows, undefined, what < 0.2 ? 1 : undefined)
        if (index === 0 && round % 8 === 7) {
          await turn()
          await endThread()
        }
        const code = check(await asked, mine, rows)
        counts.set(code, (counts.get(code) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: 12 }, caller))
    await allGivenBack()
    const { '': answered = 0, ...failed } = Object.fromEntries(counts)
    assert.ok(answered > 150, JSON.stringify(failed))
    const expected = ['BODY_ABORTED', 'MODEL_RUN_FAILED', 'QUEUE_FULL', 'SCORING_TIMEOUT']
    assert.deepEqual(
      Object.keys(failed).filter(code => !expected.includes(code)),
      [],
    )
  }, 240_000)

  it('gives a script bodies that it may keep, and runs those again that were beside one that ended the thread', async test => {
    const { ask, allGivenBack } = await serve(test, {
      'sut/service.json': { entryScript: 'score.ts', limits: { timeoutMs: 3000 } },
      'sut/score.ts': script,
    })
    const values = [1, 2, 13, 3, 4, 14, 5, 6]
    const rounds = [0, 100]
    for (const more of rounds) {
      const asked = values.map(async value => {
        const mine = value > 10 ? value : value + more
        return check(await ask(mine, 1), mine, 1)
      })
      const codes = await Promise.all(asked)
      assert.deepEqual([codes[2], codes[5]], ['ENTRY_SCRIPT_ENDED_THREAD', 'SCORING_TIMEOUT'])
      const others = codes.filter((_, index) => index !== 2 && index !== 5)
      // Their time goes on while the thread that does not come back has one.
      assert.ok(
        others.every(code => code === '' || code === 'SCORING_TIMEOUT'),
        String(codes),
      )
    }
    await allGivenBack()
  }, 240_000)
})
