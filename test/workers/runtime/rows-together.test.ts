import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, it, type TestContext } from 'vitest'
import { maxDispatchSize } from '../../../src/scheduling/dispatch.ts'
import type { InferenceResult } from '../../../src/scheduling/inference-result.ts'
import { writeModel } from '../../support/onnx-writer.ts'
import { codeOf, jsonOf, serve } from '../../support/scoring-scheduler.ts'

const rowsOf = (...firsts: number[]) => ({ data: firsts.map(first => [first, 1]) })

/** Writes down how many rows each run has; a row that begins with a negative number makes its run fail. */
async function serveScript(test: TestContext, maxRows: number, maxBytes?: number) {
  const folder = await mkdtemp(join(tmpdir(), 'runs-'))
  test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
  const file = join(folder, 'runs')
  const code = `
    import { appendFileSync } from 'node:fs'
    import { Tensor, tensor } from 'scoring-functions'
    export const input = tensor([[1, 2]], 'float64')
    export const init = () => {}
    export const run = ({ data }) => {
      appendFileSync(${JSON.stringify(file)}, data.rowCount + ' ')
      const firsts = Array.from({ length: data.rowCount }, (_, row) => data.data[row * 2])
      if (firsts.some(first => first < 0)) Tensor.from('float64', ['no number']) // throws
      return { half: firsts.map(first => first / 2), name: firsts.map(first => 'row ' + first) }
    }`
  const scheduler = await serve(test, {
    'sut/service.json': { entryScript: 'score.js', batching: { maxRows, maxBytes, rowsAreIndependent: true } },
    'sut/score.js': code,
  })
  assert.equal(scheduler.report.isBatchable, true)
  const read = async () => (await readFile(file, 'utf8')).trim().split(' ').map(Number)
  const before = (await read()).length
  return { ...scheduler, runs: async () => (await read()).slice(before) }
}

describe('a request with more rows than a run takes', () => {
  it('runs in slices and is answered as if it had run at once', async test => {
    const { send, runs } = await serveScript(test, 4)
    const firsts = Array.from({ length: 10 }, (_, index) => index)
    const expected = firsts.map(first => String(first / 2))
    assert.equal(
      jsonOf(await send(rowsOf(...firsts))),
      `{"half": [${expected.join(', ')}], "name": [${firsts.map(first => `"row ${first}"`).join(', ')}]}`,
    )
    assert.deepEqual(await runs(), [4, 4, 2])
  })

  it('runs in slices as well when it has more bytes than a run takes, down to single rows', async test => {
    const tight = await serveScript(test, 64, 32) // a row has two numbers of 8 bytes
    assert.deepEqual(
      (JSON.parse(jsonOf(await tight.send(rowsOf(1, 2, 3, 4, 5)))) as { half: number[] }).half,
      [0.5, 1, 1.5, 2, 2.5],
    )
    assert.deepEqual(await tight.runs(), [2, 2, 1])
    const tighter = await serveScript(test, 64, 15)
    assert.match(jsonOf(await tighter.send(rowsOf(1, 2))), /"half": \[0.5, 1\.?0?\]/)
    assert.deepEqual(await tighter.runs(), [1, 1])
  })

  it('lets others run between its slices', async test => {
    const { send, runs } = await serveScript(test, 2)
    const answers = await Promise.all([send(rowsOf(1, 2, 3, 4, 5)), send(rowsOf(6)), send(rowsOf(7, 8, 9))])
    assert.deepEqual(await runs(), [1, 2, 2, 2, 1, 1])
    for (const [index, alone] of [rowsOf(1, 2, 3, 4, 5), rowsOf(6), rowsOf(7, 8, 9)].entries())
      assert.deepEqual(untimed(answers[index] as InferenceResult), untimed(await send(alone)))
  })

  it('does not keep those waiting who come while it runs, as often as they come', async test => {
    const { send } = await serveScript(test, 2)
    const firsts = Array.from({ length: 60_000 }, (_, index) => index)
    let isDone = false
    const long = send({ data: firsts.map(first => [first, 1]) }).finally(() => {
      isDone = true
    })
    let rounds = 0
    for (; !isDone && rounds < 30; rounds++) {
      const short = await Promise.all(Array.from({ length: 20 }, (_, index) => send(rowsOf(rounds, index))))
      for (const [index, answer] of short.entries())
        assert.match(jsonOf(answer), new RegExp(`"name": \\["row ${rounds}", "row ${index}"\\]`))
    }
    assert.ok(rounds > 1, 'all came after the long one')
    const { name } = JSON.parse(jsonOf(await long)) as { name: string[] }
    assert.deepEqual(
      name,
      firsts.map(first => `row ${first}`),
    )
  })

  it('takes turns with a few others only, so that they are done one by one, and more can come', async test => {
    const { scheduler, send } = await serve(test, {
      'sut/service.json': { entryScript: 'score.js', batching: { rowsAreIndependent: true, maxRows: 2 } },
      'sut/score.js': `import { tensor } from 'scoring-functions'
        export const input = tensor([[1]], 'float32')
        export const init = () => {}
        let slices = 0
        export const run = ({ data }) => {
          if (data.data[0] === 7) return [slices]
          for (const end = performance.now() + 1; performance.now() < end;);
          slices++
          return Array.from(data.data)
        }`,
    })
    const slicesEach = 20
    const long = JSON.stringify({ data: Array.from({ length: 2 * slicesEach }, () => [1]) })
    const all = Array.from({ length: maxDispatchSize }, () => send(long)) // as many as a worker can hold
    await delay(50)
    const [slices] = JSON.parse(jsonOf(await send({ data: [[7]] })))
    assert.ok(slices < (maxDispatchSize * slicesEach) / 4, `${slices} slices ran before`)
    await scheduler.stop()
    await Promise.all(all)
  })

  it('lets callers in between its slices when it is of a batch job', async test => {
    const { scheduler, send } = await serveScript(test, 2)
    const body = new TextEncoder().encode(JSON.stringify({ data: Array.from({ length: 60_000 }, () => [4, 1]) }))
    const order: string[] = []
    const job = scheduler
      .submitInBackground({ codec: 'azureml', body, contentType: 'application/json' }, () => false)
      .finally(() => order.push('job'))
    for (let call = 0; call < 3; call++) {
      assert.match(jsonOf(await send(rowsOf(call))), new RegExp(`"name": \\["row ${call}"\\]`))
      order.push('call')
    }
    assert.equal((JSON.parse(jsonOf(await job)) as { half: number[] }).half.length, 60_000)
    assert.deepEqual(order, ['call', 'call', 'call', 'job'])
  })

  it('does not keep them waiting either when its body was moved to the thread, where no script can end that', async test => {
    const { send } = await serve(test, {
      'sut/service.json': { batching: { maxRows: 2 } },
      'sut/1/model.onnx': openModel(),
    })
    const data = Array.from({ length: 40_000 }, (_, index) => [index, 0.123456789012345, 1])
    const order: string[] = []
    const long = send({ data }).finally(() => order.push('long'))
    const short = send({ data: [[1, 2, 3]] }).finally(() => order.push('short'))
    assert.equal(jsonOf(await short), '[[2.0, 4.0, 6.0]]')
    assert.equal(JSON.parse(jsonOf(await long)).length, 40_000)
    assert.deepEqual(order, ['short', 'long'])
  })

  it('runs in slices too when a script made its rows for a pipeline', async test => {
    const { send, report } = await serve(test, {
      'sut/service.json': {
        models: { twice: { path: 'twice.onnx' } },
        stages: [{ script: 'read.js' }, { model: 'twice' }, { script: 'list.js' }],
        schema: { input: 'sample.txt' },
        batching: { maxRows: 3, rowsAreIndependent: true },
      },
      'sut/sample.txt': '1',
      'sut/twice.onnx': openModel(),
      'sut/read.js': `
        import { Tensor } from 'scoring-functions'
        export const run = text => Tensor.from('float32', text.split(' ').map(number => [Number(number)]))`,
      'sut/list.js': 'export const run = ({ data }) => Array.from(data.data)',
    })
    assert.equal(report.isBatchable, true)
    const answers = await Promise.all(['1 2 3 4 5 6 7', '8', '9 10 11 12'].map(send))
    assert.deepEqual(answers.map(jsonOf), ['[2, 4, 6, 8, 10, 12, 14]', '[16]', '[18, 20, 22, 24]'])
  })

  it('fails for a bad row in any slice, and harms nobody', async test => {
    const { send } = await serveScript(test, 2)
    const answers = await Promise.all([send(rowsOf(1, 2, 3, -1, 5)), send(rowsOf(6)), send(rowsOf(7, 8, 9))])
    assert.equal(codeOf(answers[0] as InferenceResult), 'INPUT_TYPE_MISMATCH')
    assert.equal(jsonOf(answers[1] as InferenceResult), '{"half": [3], "name": ["row 6"]}')
    assert.equal(jsonOf(answers[2] as InferenceResult), '{"half": [3.5, 4, 4.5], "name": ["row 7", "row 8", "row 9"]}')
  })
})

function untimed(answer: InferenceResult): object {
  return answer.kind === 'failure' ? answer : { ...answer, timings: undefined }
}

describe('a run of several requests that fails', () => {
  it('is halved until the bad one stands alone', async test => {
    const { send, runs } = await serveScript(test, 64)
    const answers = await Promise.all(Array.from({ length: 16 }, (_, index) => send(rowsOf(index === 5 ? -1 : index))))
    for (const [index, answer] of answers.entries()) {
      if (index === 5) assert.equal(codeOf(answer), 'INPUT_TYPE_MISMATCH')
      else assert.match(jsonOf(answer), new RegExp(`"row ${index}"`))
    }
    assert.deepEqual(await runs(), [16, 8, 4, 4, 2, 1, 1, 2, 8])
  })
})

describe('an answer that throws when it is looked at', () => {
  it('costs the request that it is for, and its neighbours nothing', async test => {
    const { send } = await serve(test, {
      'sut/service.json': { entryScript: 'score.js', batching: { rowsAreIndependent: true, maxRows: 4 } },
      'sut/score.js': `
        import { tensor } from 'scoring-functions'
        export const input = tensor([[1, 2]], 'float64')
        export const init = () => {}
        export const run = ({ data }) => {
          const firsts = Array.from({ length: data.rowCount }, (_, row) => data.data[row * 2])
          return firsts.includes(666) ? { get first() { throw new Error('no look') } } : { first: firsts }
        }`,
    })
    const bodies = [rowsOf(1), rowsOf(666), rowsOf(2), rowsOf(1, 2, 3, 4, 5, 666), rowsOf(3)]
    const answers = await Promise.all(bodies.map(send))
    assert.deepEqual(
      answers.map(answer => (answer.kind === 'failure' ? answer.code : jsonOf(answer))),
      ['{"first": [1]}', 'OUTPUT_NOT_SERIALISABLE', '{"first": [2]}', 'OUTPUT_NOT_SERIALISABLE', '{"first": [3]}'],
    )
  })
})

describe('requests that come together', () => {
  const together = async (send: (body: unknown) => Promise<InferenceResult>, bodies: readonly unknown[]) => {
    const answers = (await Promise.all(bodies.map(send))).map(untimed)
    for (const [index, body] of bodies.entries()) assert.deepEqual(answers[index], untimed(await send(body)))
  }

  it('get what each gets alone, whatever rows fail', async test => {
    const { send } = await serveScript(test, 4)
    const first = fc.oneof({ weight: 9, arbitrary: fc.nat(99) }, { weight: 1, arbitrary: fc.constant(-1) })
    const rows = fc.oneof(
      fc.array(first, { minLength: 1, maxLength: 9 }).map(firsts => rowsOf(...firsts)),
      fc.constantFrom('{', '{"data": [[1]]}', '{"data": []}', '{"data": [[1, "a"]]}'),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(rows, { maxLength: 12 }), bodies => together(send, bodies)),
      { numRuns: 60 },
    )
  })

  it('get what each gets alone, whatever their shapes', async test => {
    const model = { 'sut/service.json': { batching: { maxRows: 3 } }, 'sut/1/model.onnx': openModel() }
    const { send, report } = await serve(test, model)
    assert.equal(report.isBatchable, true)
    const matrix = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 3 })).chain(([rows, columns]) => {
      const row = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
        minLength: columns,
        maxLength: columns,
      })
      return fc.array(row, { minLength: rows, maxLength: rows })
    })
    await fc.assert(
      fc.asyncProperty(fc.array(matrix, { maxLength: 8 }), matrices =>
        together(
          send,
          matrices.map(data => ({ data })),
        ),
      ),
      { numRuns: 60 },
    )
  })
})

/** `x + x` of rows of any length. */
function openModel(): Buffer {
  return writeModel({
    nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
    inputs: [['x', 'float32', ['rows', 'columns']]],
    outputs: [['y', 'float32', ['rows', 'columns']]],
  })
}
