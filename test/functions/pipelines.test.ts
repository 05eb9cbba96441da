import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe, it, vi } from 'vitest'
import { writeModel } from '../support/onnx-writer.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import type { ServiceFiles } from '../support/service-folder.ts'

/** One operation on rows of two float32. */
const model = (op: string, input: string, output: string, sizes: readonly (number | string)[] = ['batch', 2]) =>
  writeModel({
    nodes: [{ op, inputs: [input], outputs: [output] }],
    inputs: [[input, 'float32', sizes]],
    outputs: [[output, 'float32', sizes]],
  })

/** Text of numbers, two a line. */
const decode = `
  import { Tensor } from 'scoring-functions'
  export function run(text) {
    if (text === 'boom') throw new Error('patient Doe')
    return Tensor.from('float32', text.trim().split('\\n').map(line => line.split(',').map(Number)))
  }`
const name = `
  export function run({ data }) {
    const [rows, width] = data.shape
    return Array.from({ length: rows }, (_, row) => data.data[row * width] > 10 ? 'large' : 'small')
  }`

const models = { negate: { path: 'negate.onnx' }, size: { path: 'size.onnx' } }
const stages = [
  { script: 'decode.ts' },
  { model: 'negate', maxRows: 2 },
  { model: 'size', accelerator: { intraOpThreads: 2 } },
]
const files = { 'negate.onnx': model('Neg', 'x', 'negated'), 'size.onnx': model('Abs', 'a', 'size') }
const within = (service: string, contents: ServiceFiles): ServiceFiles =>
  Object.fromEntries(Object.entries(contents).map(([file, content]) => [`${service}/${file}`, content]))

const services: ServiceFiles = {
  ...within('text', {
    ...files,
    'service.json': { models, stages, schema: { input: 'sample.txt' } },
    'sample.txt': '1,2',
    'decode.ts': decode,
  }),
  ...within('named', {
    ...files,
    'service.json': { models, stages: [...stages, { name: 'labels', script: 'name.ts' }] },
    'decode.ts': decode,
    'name.ts': name,
  }),
  ...within('tensors', {
    ...files,
    'service.json': { models, stages: [{ model: 'negate' }, { model: 'size' }] },
  }),
  ...within('broken', {
    ...files,
    'service.json': { models, stages: [{ model: 'negate' }, { name: 'middle', script: 'middle.ts' }] },
    'middle.ts': `export function run({ data }) { if (data.data[0] === -13) throw new Error('unlucky'); return data }`,
  }),
  ...within('gives-less', {
    ...files,
    'service.json': { models, stages: [{ name: 'half', script: 'half.ts' }, { model: 'size' }] },
    'half.ts': `
      import { Tensor } from 'scoring-functions'
      export const run = () => Tensor.from('float32', [[1]])`,
  }),
  ...within('does-not-fit', {
    'negate.onnx': files['negate.onnx'],
    'size.onnx': model('Abs', 'a', 'size', ['batch', 3]),
    'service.json': { models, stages: [{ model: 'negate' }, { model: 'size' }] },
  }),
  ...within('no-such-model', {
    ...files,
    'service.json': { models, stages: [{ model: 'negate' }, { model: 'other' }] },
  }),
  ...within('asks-late', {
    ...files,
    'service.json': { models, stages: [{ model: 'negate' }, { script: 'late.ts' }] },
    'late.ts': `
      import { tensor } from 'scoring-functions'
      export const input = tensor([[1, 2]], 'float32')
      export const run = () => []`,
  }),
}

type Described = Record<'definitions', Record<string, { description?: string; properties?: Record<string, object> }>>

describe('POST /score: a pipeline of stages', () => {
  let app: RunningApp
  let settled: Awaited<ReturnType<RunningApp['settled']>>
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    app = await runApp({ onTestFinished: cleanUp => cleanUps.push(cleanUp as () => unknown) }, services)
    settled = await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })
  const score = async (service: string, body: string, type = 'text/plain') => {
    const response = await app.score(service, body, { 'content-type': type })
    return [response.status, (await response.json()) as { code?: string }] as const
  }

  it('lets a script make rows of a request, and models score them one after the other', async () => {
    // |-x| row by row, in slices of two rows in the stage that takes two at a time
    assert.deepEqual(await score('text', '1,-2\n-3,4\n5,-6'), [
      200,
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ])
  })

  it('ends with a script too', async () => {
    assert.deepEqual(await score('named', '1,2\n-30,4'), [200, ['small', 'large']])
  })

  it('takes tensors when a model comes first', async () => {
    assert.deepEqual(await score('tensors', '{"data": [[1, -2]]}', 'application/json'), [200, [[1, 2]]])
    const [status, answer] = await score('tensors', '{"data": [[1]]}', 'application/json')
    assert.deepEqual([status, answer.code], [400, 'INPUT_SHAPE_MISMATCH'])
  })

  it('gives each of many callers the answer to its own rows', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 10 === 7 ? score('text', 'boom') : score('text', `${n},${-n}`))),
    )
    for (const [n, [status, answer]] of answers.entries()) {
      if (n % 10 === 7) assert.deepEqual([status, answer.code], [500, 'ENTRY_SCRIPT_FAILED'])
      else assert.deepEqual([status, answer], [200, [[n, n]]])
    }
    assert.match(app.output(), /\[text\] ready .* stages decode > negate > size/)
    assert.equal((settled.text as { microBatching?: boolean }).microBatching, true)
  })

  it('names the stage that failed, to the caller and in the log', async () => {
    const failed = 'An unexpected error occurred in scoring script. Check the logs for more info.'
    assert.deepEqual(await score('text', 'boom'), [
      500,
      { message: `stage "decode": ${failed}`, code: 'ENTRY_SCRIPT_FAILED' },
    ])
    const both = await Promise.all([
      score('broken', '{"data": [[13, 1]]}', 'application/json'),
      score('broken', '{"data": [[12, 1]]}', 'application/json'),
    ])
    assert.deepEqual(both, [
      [500, { message: `stage "middle": ${failed}`, code: 'ENTRY_SCRIPT_FAILED' }],
      [200, [[-12, -1]]],
    ])
    // The log may come a little after the answer.
    await vi.waitFor(() =>
      assert.match(
        app.output(),
        /\[broken\] request [-\w]+: ENTRY_SCRIPT_FAILED: stage "middle": .*\n.*caused by: Error: unlucky/,
      ),
    )
  })

  it('says which stages do not fit, when a request shows it', async () => {
    assert.deepEqual(await score('gives-less', 'any'), [
      500,
      {
        message: 'stage "size" takes "a" as float32[batch, 2], stage "half" returns float32[1, 1]',
        code: 'STAGE_MISMATCH',
      },
    ])
  })

  it('is not loaded when that can be told beforehand, or a stage is not complete', () => {
    const reasons: [string, RegExp][] = [
      ['does-not-fit', /^stage "size" takes "a" as float32\[batch, 3\], stage "negate" returns float32\[batch, 2\]$/],
      ['no-such-model', /stages\.1\.model: there is no model "other"; models: negate, size$/],
      ['asks-late', /^asks-late\/late\.ts exports input, which is for the first stage: only that sees the request$/],
    ]
    for (const [service, reason] of reasons) assert.match(settled[service]?.reason ?? '', reason, service)
  })

  it('is described by what its first stage takes and its last one gives', async () => {
    const read = async (service: string) =>
      ((await (await fetch(`${app.url}/api/v1/service/${service}/swagger.json`)).json()) as Described).definitions
    const { ServiceInput, ServiceOutput } = await read('tensors')
    assert.partialDeepStrictEqual(ServiceInput?.properties?.data, {
      description: 'float32, shape [batch, 2]',
    })
    assert.equal(ServiceOutput?.description, 'float32, shape [batch, 2]; null: NaN or an infinity')
    assert.deepEqual((await read('text')).ServiceInput, { type: 'object', example: {} }) // text of any kind
  })
})
