import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import type { InferenceResult } from '../../../src/scheduling/inference-result.ts'
import type { Dtype } from '../../../src/tensor/dtype.ts'
import { identityModel, rowMixingModel, writeModel } from '../../support/onnx-writer.ts'
import { codeOf, jsonOf, serve } from '../../support/scoring-scheduler.ts'
import { makeServices, type ServiceFiles } from '../../support/service-folder.ts'

const script = (code: string, definition: object = {}): ServiceFiles => ({
  'sut/service.json': { entryScript: 'score.ts', ...definition },
  'sut/score.ts': code,
})
const model = (bytes: Buffer, definition: object = {}): ServiceFiles => ({
  'sut/service.json': definition,
  'sut/1/model.onnx': bytes,
})

const digitsModel = () => readFile(join(import.meta.dirname, '../../../models/digits/1/model.onnx'))

describe('NodeWorker, with the built-in script', () => {
  const cases: [Dtype, string, string][] = [
    ['float32', '[[0.1, -1], [2, 3]]', '[[0.1, -1.0], [2.0, 3.0]]'],
    ['float64', '[[0.1, 1e-7]]', '[[0.1, 1e-07]]'],
    ['float16', '[[0.1, 65504]]', '[[0.1, 65500.0]]'], // numpy prints 65504 so: float16 steps by 32 there
    ['int8', '[[-128, 127]]', '[[-128, 127]]'],
    ['uint8', '[[0, 255]]', '[[0, 255]]'],
    ['int16', '[[-32768, 32767]]', '[[-32768, 32767]]'],
    ['uint16', '[[0, 65535]]', '[[0, 65535]]'],
    ['int32', '[[-2147483648, 2147483647]]', '[[-2147483648, 2147483647]]'],
    ['uint32', '[[0, 4294967295]]', '[[0, 4294967295]]'],
    ['int64', '[[-9223372036854775808, 9223372036854775807]]', '[[-9223372036854775808, 9223372036854775807]]'],
    ['uint64', '[[0, 18446744073709551615]]', '[[0, 18446744073709551615]]'],
    ['bool', '[[true, false]]', '[[true, false]]'],
    ['string', '[["a", "\\u00e9"]]', '[["a", "\\u00e9"]]'],
  ]
  it.for(cases)('scores %s tensors exactly', async ([dtype, data, answer], test) => {
    const { send, report } = await serve(test, model(identityModel(dtype)))
    assert.equal(jsonOf(await send(`{"data": ${data}}`)), answer)
    assert.deepEqual(report.inputs, [{ name: 'x', dtype, shape: ['batch', 2] }])
    assert.equal(report.isBatchable, true)
  })

  it('refuses texts that the runtime would cut or change', async test => {
    const { send } = await serve(test, model(identityModel('string')))
    assert.equal(jsonOf(await send('{"data": [["", "\\ud83d\\ude00"]]}')), '[["", "\\ud83d\\ude00"]]')
    for (const text of ['a\\u0000b', 'a\\ud83d', '\\ude00']) {
      const answer = await send(`{"data": [["a", "${text}"]]}`)
      assert.match(JSON.stringify(answer), /INPUT_TYPE_MISMATCH.*text 1 has (a NUL character|half of a surrogate pair)/)
    }
  })

  it('takes several inputs by name, answers several outputs by name', async test => {
    const bytes = writeModel({
      nodes: [
        { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
        { op: 'Sub', inputs: ['a', 'b'], outputs: ['difference'] },
      ],
      inputs: [
        ['a', 'float32', ['n']],
        ['b', 'float32', ['n']],
      ],
      outputs: [
        ['sum', 'float32', ['n']],
        ['difference', 'float32', ['n']],
      ],
    })
    const { send } = await serve(test, model(bytes))
    assert.equal(
      jsonOf(await send({ data: { a: [3, 5], b: [1, 2] } })),
      '{"sum": [4.0, 7.0], "difference": [2.0, 3.0]}',
    )
    assert.equal(codeOf(await send({ data: { a: [3] } })), 'INPUT_MISSING')
    assert.equal(codeOf(await send({ data: [3] })), 'INPUT_TYPE_MISMATCH')
    assert.equal(codeOf(await send({ data: { a: [3, 5], b: [1] } })), 'INPUT_SHAPE_MISMATCH')
  })

  it('gives a hundred callers at once what each gets alone', async test => {
    const { send } = await serve(test, model(identityModel('float32')))
    const bodies = Array.from({ length: 100 }, (_, index) => ({
      data: Array.from({ length: (index % 5) + 1 }, (_, row) => [index, row / 3]),
    }))
    const together = (await Promise.all(bodies.map(send))).map(jsonOf)
    for (const [index, body] of bodies.entries()) assert.equal(together[index], jsonOf(await send(body)))
  })

  it('fails only the bad rows of a batch', async test => {
    const { send } = await serve(test, model(identityModel('float32')))
    const answers = await Promise.all([
      send({ data: [[1, 2]] }),
      send({ data: [[1]] }),
      send('{'),
      send({ data: [[3, 4]] }),
    ])
    assert.equal(jsonOf(answers[0] as InferenceResult), '[[1.0, 2.0]]')
    assert.equal(codeOf(answers[1] as InferenceResult), 'INPUT_SHAPE_MISMATCH')
    assert.equal(codeOf(answers[2] as InferenceResult), 'BODY_NOT_JSON')
    assert.equal(jsonOf(answers[3] as InferenceResult), '[[3.0, 4.0]]')
  })

  it('turns micro-batching off for a model that mixes rows, and says so', async test => {
    const { report, send } = await serve(test, model(rowMixingModel()))
    assert.equal(report.isBatchable, false)
    assert.match(
      report.notes.join(),
      /^micro-batching is off: the ReduceMean that gives "mean" reduces over the axis of the rows$/,
    )
    const answers = await Promise.all([send({ data: [[1, 2]] }), send({ data: [[5, 6]] })])
    assert.deepEqual(answers.map(jsonOf), ['[[0.0, 0.0]]', '[[0.0, 0.0]]'])
  })

  it('shares runs as `batching` of service.json says, but never against the graph', async test => {
    const found = async (bytes: Buffer, batching: object) => {
      const { isBatchable, notes } = (await serve(test, model(bytes, { batching }))).report
      return [isBatchable, notes]
    }
    const exact = identityModel('float32')
    assert.deepEqual(await found(exact, { exact: true }), [true, []])
    assert.deepEqual(await found(exact, { rowsAreIndependent: false }), [false, []])
    assert.deepEqual(await found(exact, { maxRows: 1 }), [false, []])
    assert.deepEqual(await found(rowMixingModel(), { rowsAreIndependent: true }), [
      false,
      [
        'micro-batching is off: the ReduceMean that gives "mean" reduces over the axis of the rows (batching.rowsAreIndependent applies to scripts; for a model the graph decides)',
      ],
    ])
  })

  it('serves a model with a fixed batch dimension, one request a run', async test => {
    const { report, send } = await serve(test, model(identityModel('float32', [1, 2])))
    assert.equal(report.isBatchable, false)
    assert.equal(jsonOf(await send({ data: [[1, 2]] })), '[[1.0, 2.0]]')
    assert.equal(
      codeOf(
        await send({
          data: [
            [1, 2],
            [3, 4],
          ],
        }),
      ),
      'INPUT_SHAPE_MISMATCH',
    )
  })

  it('refuses more rows than limits.maxRows', async test => {
    const { send } = await serve(test, model(identityModel('float32'), { limits: { maxRows: 2 } }))
    assert.equal(
      jsonOf(
        await send({
          data: [
            [1, 2],
            [3, 4],
          ],
        }),
      ),
      '[[1.0, 2.0], [3.0, 4.0]]',
    )
    assert.equal(
      codeOf(
        await send({
          data: [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        }),
      ),
      'TOO_MANY_ROWS',
    )
  })

  it('answers a JSON string of JSON where the service asks for it', async test => {
    const { send } = await serve(test, model(identityModel('int8'), { response: { encoding: 'json-string' } }))
    assert.equal(jsonOf(await send({ data: [[1, 2]] })), '"[[1, 2]]"')
  })
})

describe('NodeWorker, with an entry script', () => {
  it('gets the body as text, in JavaScript and TypeScript, and its context', async test => {
    const { send, report } = await serve(
      test,
      script(`
        import { type InitContext } from 'scoring-functions'
        let dir: string
        export function init({ modelDir }: InitContext) { dir = modelDir }
        export const run = (rawData: string) => ({ rawData, isModelDir: dir === process.env.AZUREML_MODEL_DIR })
      `),
    )
    assert.equal(report.scriptKind, 'raw')
    assert.equal(jsonOf(await send('not {json')), '{"rawData": "not {json", "isModelDir": true}')
  })

  it('with a tensor input gets rows of several requests together where its owner says so, and each caller its own', async test => {
    const { send, report } = await serve(
      test,
      script(
        `
        import { tensor, type Tensor } from 'scoring-functions'
        export const input = tensor([[1, 2, 3]], 'float32')
        export const init = () => {}
        export const run = ({ data }: { data: Tensor }) =>
          Array.from({ length: data.rowCount }, (_, row) => data.data[row * 3] as number + 1)
        `,
        { batching: { rowsAreIndependent: true } },
      ),
    )
    assert.equal(report.isBatchable, true)
    const answers = await Promise.all(
      [1, 2, 3].map(first =>
        send({
          data: [
            [first, 0, 0],
            [first * 10, 0, 0],
          ],
        }),
      ),
    )
    assert.deepEqual(answers.map(jsonOf), ['[2, 11]', '[3, 21]', '[4, 31]'])
    assert.equal(codeOf(await send({ data: [[1, 2]] })), 'INPUT_SHAPE_MISMATCH')
  })

  it('names a model that it loads and of which nothing is proven, where its owner says that rows are independent', async test => {
    const { report } = await serve(test, {
      'sut/service.json': {
        models: { mean: { path: 'mean.onnx' } },
        entryScript: 'score.js',
        batching: { rowsAreIndependent: true },
      },
      'sut/mean.onnx': rowMixingModel(),
      'sut/score.js': `
        import { tensor, Tensor } from 'scoring-functions'
        export const input = tensor([[1, 2]], 'float32')
        let mean
        export const init = async ({ loadModel }) => { mean = await loadModel() }
        export const run = async ({ data }) => {
          const rows = []
          for (let row = 0; row < data.rowCount; row++) // one by one
            rows.push((await mean.run({ x: new Tensor('float32', data.data.slice(2 * row, 2 * row + 2), [1, 2]) })).y.data[0])
          return rows
        }`,
    })
    assert.equal(report.isBatchable, true)
    assert.deepEqual(report.notes, [
      'rows share runs of model "mean" only because batching.rowsAreIndependent is true; its graph does not show it: the ReduceMean that gives "mean" reduces over the axis of the rows',
    ])
  })

  it('with a tensor input gets the rows of one request at a time where its owner says nothing of them', async test => {
    const meanOfRun = `
      import { tensor, type Tensor } from 'scoring-functions'
      export const input = tensor([[1]], 'float32')
      export const init = () => {}
      // What a measurement may miss: only where a large value is among them, the rows depend on each other.
      export const run = ({ data }: { data: Tensor }) => {
        const values = Array.from(data.data as Float32Array)
        const largest = Math.max(...values)
        return values.map(value => (largest > 1e30 ? largest : value))
      }`
    const { send, report } = await serve(test, script(meanOfRun))
    assert.equal(report.isBatchable, false)
    assert.match(
      report.notes.join(),
      /^micro-batching is off: run\(\) of sut\/score\.ts may combine rows; .*"rowsAreIndependent": true/,
    )
    const values = Array.from({ length: 40 }, (_, index) => (index % 2 ? 2e30 : index))
    const answers = await Promise.all(values.map(value => send({ data: [[value]] })))
    assert.deepEqual(
      answers.map(answer => JSON.parse(jsonOf(answer))[0]),
      values.map(Math.fround),
    )
  })

  it('that takes the headers of its request gets each alone, and its owner is told', async test => {
    const { scheduler, report } = await serve(
      test,
      script(`
        import { tensor, type RequestHeaders, type Tensor } from 'scoring-functions'
        export const input = tensor([[1]], 'float32')
        export const init = () => {}
        export const run = ({ data }: { data: Tensor }, headers: RequestHeaders) => [data, headers['X-Who'] ?? null]
      `),
    )
    assert.deepEqual([report.takesHeaders, report.isBatchable], [true, false])
    assert.deepEqual(report.notes, ['micro-batching is off: run() takes the headers of the request'])
    const body = new TextEncoder().encode('{"data": [[1]]}')
    const answers = await Promise.all(
      ['a', 'b', 'c'].map(who =>
        scheduler.submit({
          codec: 'azureml',
          body,
          contentType: 'application/json',
          details: { headers: [['x-who', who]] },
        }),
      ),
    )
    assert.deepEqual(answers.map(jsonOf), ['[[[1.0]], "a"]', '[[[1.0]], "b"]', '[[[1.0]], "c"]'])
  })

  it('whose second parameter may be meant for something else scores, and its owner is told what it receives', async test => {
    const { send, report } = await serve(
      test,
      script('export const init = () => {}; export const run = (text, model_id) => [text, typeof model_id]'),
    )
    assert.deepEqual(report.notes.slice(0, 1), [
      'sut/score.ts: the second parameter of run() ("model_id") receives the headers of the request',
    ])
    assert.equal((await send({})).kind, 'encoded')
  })

  it('with a schema gets what the schema made of the body', async test => {
    const { send } = await serve(
      test,
      script(`
        const safeParse = (body) => typeof body.name === 'string'
          ? { success: true, data: { name: body.name.toUpperCase() } }
          : { success: false, error: { issues: [{ path: ['name'], message: 'expected string' }] } }
        export const input = { safeParse }
        export const init = () => {}
        export const run = ({ name }) => 'hello ' + name
      `),
    )
    assert.equal(jsonOf(await send({ name: 'ada' })), '"hello ADA"')
    assert.deepEqual(await send({ name: 1 }), {
      kind: 'failure',
      code: 'INPUT_INVALID',
      message: 'input "name": expected string',
    })
    const missing = {
      kind: 'failure',
      code: 'INPUT_MISSING',
      message: "A value is not provided for the 'name' parameter.",
    }
    assert.deepEqual(await send({}), missing)
    assert.deepEqual(await send({ Name: 'ada' }), missing)
  })

  it('with rawHttp gets the request and answers with status, headers and bytes', async test => {
    const { scheduler } = await serve(
      test,
      script(`
        export const rawHttp = true
        export const init = () => {}
        export const run = async (request) =>
          new Response(new Uint8Array(await request.arrayBuffer()).reverse(), { status: 202, headers: { 'x-method': request.method } })
      `),
    )
    const body = Uint8Array.of(1, 2, 3)
    const http = { method: 'POST', url: 'http://localhost/score', headers: [] }
    const answer = await scheduler.submit({ codec: 'azureml', body, contentType: undefined, details: { http } })
    assert.ok(answer.kind === 'response' && answer.body instanceof Uint8Array)
    assert.equal(answer.status, 202)
    assert.deepEqual(answer.headers, [['x-method', 'POST']])
    assert.deepEqual([...answer.body], [3, 2, 1])
  })

  it('whose thread has not loaded fetch unless it uses it', async test => {
    const run = "process.moduleLoadList.includes('NativeModule internal/deps/undici/undici')"
    const { send } = await serve(test, script(`export const init = () => {}; export const run = text => ${run}`))
    assert.equal(jsonOf(await send('x')), 'false')
    assert.equal(jsonOf(await send('x')), 'false')
    const using = await serve(test, script(`export const init = () => Request; export const run = text => ${run}`))
    assert.equal(jsonOf(await using.send('x')), 'true') // Node.js still calls it so
  })

  const spellings: [string, string, string][] = [
    ['CommonJS', 'score.cjs', 'module.exports = { init() {}, run(text) { return text } }'],
    ['a default export', 'score.mjs', 'export default { init() {}, run: text => text }'],
    [
      'zod from the app',
      'score.ts',
      "import { z } from 'zod'; export const init = () => {}; export const run = (text: string) => z.string().parse(text)",
    ],
  ]
  it.for(spellings)('may be written with %s', async ([, file, code], test) => {
    const { send } = await serve(test, { 'sut/service.json': { entryScript: file }, [`sut/${file}`]: code })
    assert.equal(jsonOf(await send('abc')), '"abc"')
  })

  it('in native code past its time limit does not hold up the answer', async test => {
    const folder = await makeServices({}, test)
    const woke = join(folder, 'woke')
    const code = `
      import { execSync } from 'node:child_process'
      export const init = () => {}
      export const run = text => text === 'sleep' ? execSync(${JSON.stringify(`sleep 8; touch '${woke}'`)}) : text
    `
    const { send } = await serve(test, script(code, { limits: { timeoutMs: 3000 } }))
    assert.equal(codeOf(await send('sleep')), 'SCORING_TIMEOUT')
    assert.equal(jsonOf(await send('next')), '"next"')
    assert.equal(existsSync(woke), false) // both were answered while the thread still slept
  })

  it('whose model computes past its time limit costs its own request, not the process', async test => {
    const code = `
      import { type InitContext, type ModelSession, Tensor } from 'scoring-functions'
      let digits: ModelSession
      const images = new Tensor('float32', new Float32Array(2000 * 64), [2000, 8, 8])
      export const init = async ({ loadModel }: InitContext) => { digits = await loadModel() }
      export const run = async () => { for (;;) await digits.run({ images }) }
    `
    const files = { ...script(code, { limits: { timeoutMs: 400 } }), 'sut/1/model.onnx': await digitsModel() }
    const { send } = await serve(test, files)
    // The runtime would take this process along if a thread ended inside it, as nearly every one of these is.
    for (let time = 0; time < 4; time++) assert.equal(codeOf(await send('')), 'SCORING_TIMEOUT')
  })

  it('sees neither the connection strings nor the identity of the platform', async test => {
    // Names of Azure Functions, and of @azure/identity's EnvironmentCredential and WorkloadIdentityCredential.
    const hidden = [
      'AzureWebJobsStorage',
      'IDENTITY_HEADER',
      'AZURE_CLIENT_SECRET',
      'OTEL_EXPORTER_OTLP_HEADERS',
      'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
      'AZURE_FEDERATED_TOKEN_FILE',
    ]
    const names = [...hidden, 'SCORING_KEY_VAULT_TEST_TOKEN', 'OWN_SETTING']
    for (const name of names) process.env[name] = `value of ${name}`
    test.onTestFinished(() => {
      for (const name of names) delete process.env[name]
    })
    const code = `export const init = () => {}
      export const run = () => ${JSON.stringify(names)}.filter(name => Object.values(process.env).includes('value of ' + name))`
    const { send } = await serve(test, script(code))
    assert.equal(jsonOf(await send('')), '["OWN_SETTING"]')
  })

  const hostile = `
    export const init = () => {}
    const kept = []
    export const run = async (text) => {
      if (text === 'throw') throw new Error('boom')
      if (text === 'forge') throw Object.assign(new Error('forged'), { name: 'ScoringError' })
      if (text === 'forge a code') throw Object.assign(new Error('forged'), { name: 'ScoringError', code: 'BEARER_REJECTED' })
      if (text === 'loop') for (;;);
      if (text === 'never') return new Promise(() => {})
      if (text === 'exit') process.exit(3)
      if (text === 'abandon') { setTimeout(() => { throw new Error('late') }); return new Promise(() => {}) }
      if (text === 'heap') for (;;) kept.push(new Array(1000).fill(text + kept.length))
      if (text === 'large pieces') for (let length = 6e6; ; length = 16e6) kept.push(new Array(length)) // 46 MiB, 122, 122, …
      if (text === 'buffers') for (;;) kept.push(Buffer.alloc(1e6, 1))
      if (text === 'function') return { f: () => 1 }
      return text
    }
  `
  const costs: [string, string][] = [
    ['throw', 'ENTRY_SCRIPT_FAILED'],
    ['forge', 'ENTRY_SCRIPT_FAILED'],
    ['forge a code', 'ENTRY_SCRIPT_FAILED'],
    ['loop', 'SCORING_TIMEOUT'],
    ['never', 'SCORING_TIMEOUT'],
    ['exit', 'ENTRY_SCRIPT_ENDED_THREAD'],
    ['abandon', 'ENTRY_SCRIPT_FAILED'],
    ['heap', 'ENTRY_SCRIPT_OUT_OF_MEMORY'],
    ['large pieces', 'ENTRY_SCRIPT_OUT_OF_MEMORY'],
    ['buffers', 'ENTRY_SCRIPT_OUT_OF_MEMORY'],
    ['function', 'OUTPUT_NOT_SERIALISABLE'],
  ]
  it.for(costs)('that does "%s" costs only its own request', async ([deed, code], test) => {
    const timeoutMs = code === 'SCORING_TIMEOUT' ? 4000 : 30_000
    const { send } = await serve(test, script(hostile, { limits: { timeoutMs, maxMemoryMb: 64 } }))
    const large = 'large'.repeat(50_000)
    const huge = 'huge'.repeat(500_000)
    const [before, bad, ...after] = await Promise.all(['before', deed, 'after', large, huge].map(send))
    assert.equal(jsonOf(before as InferenceResult), '"before"')
    assert.equal(codeOf(bad as InferenceResult), code)
    assert.deepEqual(after.map(jsonOf), ['"after"', `"${large}"`, `"${huge}"`])
    assert.equal(jsonOf(await send('later')), '"later"')
  })
})

describe('NodeWorker, with a service that cannot be loaded', () => {
  const cases: [string, ServiceFiles, RegExp][] = [
    ['a syntax error', script('export const init = ('), /sut\/score\.ts cannot be imported: sut\/score\.ts:1: /],
    [
      'a syntax error in a file that the script imports',
      { ...script("import './rows.ts'"), 'sut/rows.ts': '\nexport const a = (' },
      /sut\/score\.ts cannot be imported: rows\.ts:2: /,
    ],
    [
      'a package that is nowhere',
      script("import 'no-such-package'"),
      /Cannot find package 'no-such-package' imported from \S+sut\/score\.ts$/,
    ],
    [
      'a sample of an unknown type',
      script("import { tensor } from 'scoring-functions'; export const input = tensor([[1]], 'float')"),
      /there is no dtype "float"; known are float32, float64, /,
    ],
    [
      'no run',
      script('export const init = () => {}'),
      /sut\/score\.ts must export a function run\(\), found undefined/,
    ],
    ['no init', script('export const run = () => 1'), /must export a function init\(\)/],
    [
      'an init that throws',
      script("export const run = () => 1; export const init = () => { throw new Error('no luck') }"),
      /init\(\) failed: no luck/,
    ],
    [
      'an init that never ends',
      script('export const run = () => 1; export const init = () => new Promise(() => {})', {
        limits: { loadTimeoutMs: 300 },
      }),
      /longer than 300 ms/,
    ],
    [
      'an init that exits',
      script('export const run = () => 1; export const init = () => process.exit(0)'),
      /ended while loading/,
    ],
    [
      'an input that is no schema',
      script('export const run = () => 1; export const init = () => {}; export const input = 7'),
      /input must be a zod schema or tensor/,
    ],
    [
      "Azure ML's spelling of rawHttp",
      script('export const run = () => 1; export const init = () => {}; export const rawhttp = true'),
      /sut\/score\.ts exports rawhttp; the export is called rawHttp/,
    ],
    [
      'an output that is no schema',
      script('export const run = () => 1; export const init = () => {}; export const output = {}'),
      /output must be a zod schema or tensor/,
    ],
    [
      'a model that does not exist',
      script("export const run = () => 1; export const init = c => c.loadModel('m')"),
      /there is no model "m"; models: none/,
    ],
    ['a truncated model', model(identityModel('float32').subarray(0, 40)), /model "sut" cannot be loaded/],
    ['an empty model', model(Buffer.alloc(0)), /model "sut" cannot be loaded/],
    [
      'a wrong digest',
      {
        'sut/service.json': { models: { m: { path: 'm.onnx', sha256: 'ab'.repeat(32) } } },
        'sut/m.onnx': identityModel('float32'),
      },
      /SHA-256 is [0-9a-f]{64}, service\.json says abab/,
    ],
    [
      'a sample that does not fit',
      {
        'sut/service.json': { schema: { input: 's.json' } },
        'sut/1/m.onnx': identityModel('float32'),
        'sut/s.json': { data: [[1]] },
      },
      /the sample \(schema\.input\) cannot be scored: .*shape \[1, 1\]/,
    ],
  ]
  it.for(cases)('because of %s says so', async ([, files, reason], test) => {
    await assert.rejects(serve(test, files), reason)
  })
})
