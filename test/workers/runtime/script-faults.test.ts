import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, vi } from 'vitest'
import type { InferenceResult } from '../../../src/scheduling/inference-result.ts'
import { encodeRecord, RunRecords } from '../../../src/workers/transport/run-records.ts'
import { codeOf, jsonOf, serve } from '../../support/scoring-scheduler.ts'
import { makeServices, type ServiceFiles } from '../../support/service-folder.ts'

const script = (code: string, definition: object = {}): ServiceFiles => ({
  'sut/service.json': { entryScript: 'score.ts', ...definition },
  'sut/score.ts': code,
})

/** For ever, as a loop that never ends does, but without the processor. */
const blockThread = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'

describe('what a script leaves behind', () => {
  const deeds: [string, string][] = [
    ['a rejection that nobody awaits', "setTimeout(() => Promise.reject(new Error('late')), 30)"],
    ['a timer that throws', "setTimeout(() => { throw new Error('late') }, 30)"],
    ['a promise that nobody awaits', "(async () => { await delay(30); throw new Error('late') })()"],
  ]
  for (const [what, code] of deeds) {
    it(`(${what}) costs the request after it nothing, nor its thread`, async test => {
      const { scheduler, send } = await serve(
        test,
        script(`
          import { threadId } from 'node:worker_threads'
          import { setTimeout as delay } from 'node:timers/promises'
          export const init = () => {}
          export const run = async text => {
            if (text === 'late') ${code}
            else await delay(200)
            return threadId
          }`),
      )
      const first = jsonOf(await send('late'))
      assert.equal(jsonOf(await send('well-behaved')), first)
      assert.equal(scheduler.activity.restarts, 0)
    })
  }

  it('while it is being run fails its own request, at once, and not the one that runs beside it', async test => {
    const { scheduler, send } = await serve(
      test,
      script(
        `
          import { tensor, Tensor } from 'scoring-functions'
          import { setTimeout as delay } from 'node:timers/promises'
          export const input = tensor([[1]], 'float32')
          export const accepts = ['text/plain']
          export const decode = async ({ bytes }) => {
            const text = new TextDecoder().decode(bytes)
            if (text === 'bad') { setTimeout(() => { throw new Error('in a timer') }, 20); await new Promise(() => {}) }
            await delay(100)
            return Tensor.from('float32', [[text.length]])
          }
          export const init = () => {}
          export const run = ({ data }) => data`,
      ),
    )
    const sendText = (text: string) =>
      scheduler.submit({ codec: 'azureml', body: new TextEncoder().encode(text), contentType: 'text/plain' })
    const [bad, good] = (await Promise.all([sendText('bad'), sendText('good')])) as [InferenceResult, InferenceResult]
    assert.equal(codeOf(bad), 'ENTRY_SCRIPT_FAILED')
    assert.equal(jsonOf(good), '[[4.0]]')
    assert.equal(jsonOf(await send({ data: [[7]] })), '[[7.0]]')
    assert.equal(scheduler.activity.restarts, 0)
  })

  it('in init() fails the loading', async test => {
    const code = `
      export const run = () => 1
      export const init = () => { setTimeout(() => { throw new Error('no luck') }); return new Promise(() => {}) }`
    await assert.rejects(serve(test, script(code)), /an uncaught error was thrown while loading: no luck/)
  })
})

describe('a script that has answered', () => {
  it('is not run again because the next one keeps its thread', async test => {
    const folder = await makeServices({}, test)
    const ran = join(folder, 'ran')
    const code = `
      import { appendFileSync } from 'node:fs'
      export const init = () => {}
      export const run = text => {
        appendFileSync(${JSON.stringify(ran)}, text + '\\n')
        if (text === 'stuck') ${blockThread}
        return text
      }`
    const { send } = await serve(test, script(code, { limits: { timeoutMs: 4000 } }))
    await send('first') // so that the others share a dispatch
    const answers = await Promise.all(['done', 'stuck', 'next'].map(send))
    assert.deepEqual(
      answers.map(answer => (answer.kind === 'encoded' ? answer.body : codeOf(answer))),
      ['"done"', 'SCORING_TIMEOUT', '"next"'],
    )
    assert.deepEqual(readFileSync(ran, 'utf8').split('\n').toSorted(), ['', 'done', 'first', 'next', 'stuck'])
  })
})

describe('a script that speaks as its thread', () => {
  const end =
    "{ type: 'results', indexes: [], results: { texts: [], others: [] }, isLast: true, runs: [], bisected: 0 }"
  const messages = ['null', "{ type: 'answers' }", "{ type: 'loaded' }", 'undefined', end]
  for (const message of messages) {
    it(`with ${message} is heard by nobody`, async test => {
      const { scheduler, send } = await serve(
        test,
        script(`
          import { parentPort, workerData } from 'node:worker_threads'
          export const init = () => {}
          export const run = () => { parentPort.postMessage(${message}); return Object.keys(workerData) }`),
      )
      for (let time = 0; time < 3; time++) assert.equal(jsonOf(await send('x')), '[]')
      assert.equal(scheduler.activity.restarts, 0)
    })

    it(`with ${message} over the port of the thread itself costs its own request`, async test => {
      const { send } = await serve(
        test,
        script(`
          export const init = () => {}
          export const run = text => {
            if (text !== 'bad') return text
            for (const handle of process._getActiveHandles()) handle.postMessage?.(${message})
            return new Promise(() => {})
          }`),
      )
      const [bad, good] = (await Promise.all(['bad', 'good'].map(send))) as [InferenceResult, InferenceResult]
      assert.equal(codeOf(bad), 'ENTRY_SCRIPT_ENDED_THREAD')
      assert.equal(jsonOf(good), '"good"')
    })
  }
})

describe('the time of day', () => {
  it('may be set back or forth by hours: a stuck script is ended in time all the same, and nobody else is', async test => {
    const code = `
      import { setTimeout as delay } from 'node:timers/promises'
      export const init = () => {}
      export const run = async text => { if (text === 'stuck') ${blockThread}; await delay(300); return text }`
    const { send } = await serve(test, script(code, { limits: { timeoutMs: 4000 } }))
    test.onTestFinished(() => void vi.useRealTimers())
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const stuck = send('stuck')
    vi.setSystemTime(Date.now() - 3_600_000)
    assert.equal(codeOf(await stuck), 'SCORING_TIMEOUT')
    const slow = send('slow')
    vi.setSystemTime(Date.now() + 48 * 3_600_000)
    assert.equal(jsonOf(await slow), '"slow"')
  })
})

describe('RunRecords', () => {
  it('tell what a process that is gone was running, once, and nothing of one that lives', async test => {
    const folder = join(await makeServices({}, test), 'running')
    mkdirSync(folder, { mode: 0o700 })
    const gone = spawnSync(process.execPath, ['--version']).pid
    const file = Buffer.alloc(3 * 1024)
    encodeRecord('iris', ['a-1', 'b\n2']).copy(file, 0)
    encodeRecord('digits', ['c']).copy(file, 2048)
    file[2048] = 0 // its run has ended
    writeFileSync(join(folder, String(gone)), file)
    writeFileSync(join(folder, String(process.ppid)), file)
    const records = new RunRecords(folder)
    assert.deepEqual(records.lost, [{ service: 'iris', requests: ['a-1', 'b?2'] }])
    assert.deepEqual(new RunRecords(folder).lost, [])
    assert.deepEqual([records.take().offset, records.take().offset], [0, 1024])
    records.giveBack({ path: '', offset: 0 })
    assert.equal(records.take().offset, 0)
    records.close()
    assert.deepEqual(readdirSync(folder), [String(process.ppid)])
  })
})
