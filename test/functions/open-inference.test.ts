import assert from 'node:assert/strict'
import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { identityModel, writeModel } from '../support/onnx-writer.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

/** Each row's sum, and the rows themselves. */
const sums = writeModel({
  nodes: [
    { op: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['sum'], attributes: { keepdims: 0 } },
    { op: 'Identity', inputs: ['x'], outputs: ['same'] },
  ],
  constants: [{ name: 'axes', dtype: 'int64', shape: [1], values: [1] }],
  inputs: [['x', 'float32', ['n', 2]]],
  outputs: [
    ['sum', 'float32', ['n']],
    ['same', 'float32', ['n', 2]],
  ],
})

const script = (run: string) => `import { tensor } from 'scoring-functions'
  export const input = tensor([[0, 0]], 'float32')
  export const init = () => {}
  export const run = ${run}`

const services = {
  'sum-row/1/model.onnx': sums,
  'sum-row/service.json': {
    batching: { maxDelayMs: 20 }, // however fast a run is, requests that come together share it
    limits: { maxRows: 300, maxBodyBytes: 10_000 },
    cors: { origins: ['https://page.example'] },
  },
  'half/3/model.onnx': identityModel('float16', ['n', 2]),
  'half/service.json': {},
  'text/1/model.onnx': identityModel('string', ['n', 1]),
  'text/service.json': {},
  'image/1/model.onnx': identityModel('float32', ['n', 3, 2, 2]),
  'image/service.json': {},
  'fixed/1/model.onnx': identityModel('int64', [1, 2]),
  'fixed/service.json': {},
  'scalar/1/model.onnx': identityModel('float64', []),
  'scalar/service.json': { response: { nonFinite: 'literal' }, auth: { mode: 'none' } },
  'lists/service.json': { entryScript: 'score.ts' },
  'lists/score.ts': script(`({ data }) => ({
    total: data.toList().map(row => row[0] + row[1]),
    label: data.toList().map(row => (row[0] > 0 ? 'high' : 'low')),
    isHigh: data.toList().map(row => row[0] > 0),
  })`),
  'records/service.json': { entryScript: 'score.ts' },
  'records/score.ts': script(`({ data }) => data.toList().map(([x]) => ({ double: 2 * x, name: String(x) }))`),
  'odd/service.json': { entryScript: 'score.ts' },
  'odd/score.ts': script(`() => ({ inner: { more: [1] } })`),
  'reader/service.json': { entryScript: 'score.js' },
  'reader/score.js': 'exports.init = () => {}\nexports.run = text => text',
}

interface Output {
  readonly name: string
  readonly shape: number[]
  readonly datatype: string
  readonly data?: unknown[]
  readonly parameters?: { binary_data_size: number }
}

interface Answer {
  readonly id?: string
  readonly model_name: string
  readonly model_version: string
  readonly outputs: Output[]
}

const row = { name: 'x', shape: [1, 2], datatype: 'FP32' }
const float32 = (...numbers: number[]) => Buffer.from(Float32Array.from(numbers).buffer)

describe('the Open Inference Protocol V2 over REST', () => {
  const cleanUps: (() => unknown)[] = []
  let app: RunningApp
  beforeAll(async () => {
    app = await runApp({ onTestFinished: each => void cleanUps.push(each as () => unknown) }, services)
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const call = async (path: string, init: RequestInit = {}, service = 'sum-row') =>
    fetch(`${app.url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${await app.keyOf(service.replaceAll('_', '-'))}`, ...init.headers },
    })
  const jsonOf = async (path: string, service?: string) => (await call(path, {}, service)).json()
  const inferAs = (body: string | Buffer<ArrayBuffer>, service = 'sum-row', headers: Record<string, string> = {}) =>
    call(`/v2/models/${service}/infer`, { method: 'POST', body, headers }, service)
  const infer = (request: object, service?: string) => inferAs(JSON.stringify(request), service)
  const answerTo = async (request: object, service?: string) => {
    const response = await infer(request, service)
    assert.equal(response.status, 200, await response.clone().text())
    return (await response.json()) as Answer
  }
  const withBytes = (json: string, ...tensors: Uint8Array[]) => ({
    body: Buffer.concat([Buffer.from(json), ...tensors]),
    headers: { 'inference-header-content-length': String(Buffer.byteLength(json)) },
  })
  /** The JSON of an answer, and the bytes behind it. */
  const split = async (response: Response) => {
    assert.equal(response.status, 200, await response.clone().text())
    const textBytes = Number(response.headers.get('inference-header-content-length'))
    const bytes = Buffer.from(await response.arrayBuffer())
    return { answer: JSON.parse(bytes.toString('utf8', 0, textBytes)) as Answer, tensors: bytes.subarray(textBytes) }
  }
  const failureOf = async (response: Response) => {
    const { error, code } = (await response.json()) as { error: string; code: string }
    return { status: response.status, code, error }
  }

  describe('GET /v2 and below', () => {
    it('tells anybody whether the app and its services are ready', async () => {
      for (const [path, expected] of [
        ['/v2/health/live', { live: true }],
        ['/v2/health/ready', { live: true, ready: true }],
        ['/v2/models/half/ready', { name: 'half', ready: true }],
        ['/v2/models/sum_row/versions/1/ready', { name: 'sum_row', ready: true }],
        ['/api/v1/service/half/v2/health/ready', { live: true, ready: true }],
      ] as const) {
        const response = await fetch(`${app.url}${path}`)
        assert.deepEqual([response.status, await response.json()], [200, expected], path)
        assert.equal((await fetch(`${app.url}${path}`, { method: 'HEAD' })).status, 200)
      }
      for (const path of ['/v2/models/nobody/ready', '/v2/models/half/versions/1/ready'])
        assert.equal((await fetch(`${app.url}${path}`)).status, 400)
      const { extensions } = (await (await fetch(`${app.url}/v2`)).json()) as { extensions: string[] }
      assert.ok(extensions.includes('binary_tensor_data'))
    })

    it('describes inputs and outputs to callers with a key', async () => {
      assert.deepEqual(await jsonOf('/v2/models/sum_row'), {
        name: 'sum_row',
        versions: ['1'],
        platform: 'onnx_onnxv1',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
        outputs: [
          { name: 'sum', datatype: 'FP32', shape: [-1] },
          { name: 'same', datatype: 'FP32', shape: [-1, 2] },
        ],
      })
      const { inputs, outputs } = (await jsonOf('/v2/models/reader', 'reader')) as Record<string, unknown>
      assert.deepEqual([inputs, outputs], [[], []])
      const ofScript = (await jsonOf('/v2/models/lists', 'lists')) as Record<string, unknown>
      assert.deepEqual(ofScript.outputs, [
        { name: 'total', datatype: 'FP64', shape: [-1] },
        { name: 'label', datatype: 'BYTES', shape: [-1] },
        { name: 'isHigh', datatype: 'BOOL', shape: [-1] },
      ])
    })

    it("gives a configuration as Triton's, without the axis of the rows", async () => {
      const config = async (service: string) =>
        (await jsonOf(`/v2/models/${service}/config`, service)) as Record<string, unknown>
      const image = { name: 'x', data_type: 'TYPE_FP32', format: 'FORMAT_NCHW', dims: [3, 2, 2] }
      assert.deepEqual((await config('image')).input, [image])
      assert.deepEqual((await config('text')).output, [{ name: 'y', data_type: 'TYPE_STRING', dims: [1] }])
      assert.deepEqual([(await config('image')).max_batch_size, (await config('fixed')).max_batch_size], [64, 0])
    })

    it('lists the services that the key opens, and those that need none', async () => {
      const index = async (path: string, body?: string) => {
        const response = await call(path, { method: 'POST', ...(body && { body }) })
        return ((await response.json()) as { name: string }[]).map(({ name }) => name)
      }
      assert.deepEqual(await index('/v2/repository/index'), ['scalar', 'sum-row'])
      assert.deepEqual(await index('/v2/repository/index', '{"ready": true}'), ['scalar', 'sum-row'])
      assert.deepEqual(await index('/api/v1/service/sum-row/v2/repository/index'), ['sum-row'])
      const alone = await fetch(`${app.url}/api/v1/service/half/v2/repository/index`, { method: 'POST' })
      assert.equal(alone.status, 401)
    })

    it('counts requests of all protocols in the statistics, and each request in the queue', async () => {
      const read = async () =>
        ((await jsonOf('/v2/models/half/stats', 'half')) as { model_stats: Record<string, never>[] })
          .model_stats[0] as unknown as {
          inference_count: number
          execution_count: number
          inference_stats: Record<string, { count: number; ns: number }>
        }
      const before = await read()
      await infer({ inputs: [{ name: 'x', shape: [3, 2], datatype: 'FP16', data: [1, 2, 3, 4, 5, 6] }] }, 'half')
      await app.score('half', '{"data": [[1, 2]]}')
      await infer({ inputs: [] }, 'half')
      const after = await read()
      const more = (name: string) =>
        (after.inference_stats[name]?.count ?? 0) - (before.inference_stats[name]?.count ?? 0)
      assert.deepEqual(['queue', 'success', 'fail', 'compute_infer'].map(more), [3, 2, 1, 2])
      assert.equal(after.inference_count - before.inference_count, 4)
      assert.equal(after.execution_count - before.execution_count, 2)
    })
  })

  describe('POST …/infer', () => {
    it('scores nested and flat data, and repeats id and name', async () => {
      for (const data of [
        [1, 2, 3, 4.5],
        [
          [1, 2],
          [3, 4.5],
        ],
      ]) {
        const inputs = [{ name: 'x', shape: [2, 2], datatype: 'FP32', data }]
        const answer = await answerTo(
          { id: 'seven', model_name: 'ignored', parameters: { other: 1 }, inputs },
          'sum_row',
        )
        assert.deepEqual(answer, {
          id: 'seven',
          model_name: 'sum_row',
          model_version: '1',
          outputs: [
            { name: 'sum', shape: [2], datatype: 'FP32', data: [3, 7.5] },
            { name: 'same', shape: [2, 2], datatype: 'FP32', data: [1, 2, 3, 4.5] },
          ],
        })
      }
    })

    it('takes null for what a request does not say, as programs write that write every member', async () => {
      const nothing = { id: null, parameters: null, outputs: null }
      const inputs = [{ ...row, parameters: null, data: [1, 2] }]
      const whole = await answerTo({ ...nothing, inputs })
      assert.deepEqual(whole, await answerTo({ inputs: [{ ...row, data: [1, 2] }] }))
      const parameters = { binary_data: null, classification: null }
      const one = await answerTo({ ...nothing, inputs, outputs: [{ name: 'sum', parameters }] })
      assert.deepEqual(one.outputs, [{ name: 'sum', shape: [1], datatype: 'FP32', data: [3] }])
    })

    it('answers with the outputs that are asked for, in that order', async () => {
      const inputs = [{ ...row, data: [1, 2] }]
      const outputs = [{ name: 'same' }, { name: 'sum', parameters: { classification: 1 } }]
      const answer = await answerTo({ inputs, outputs })
      assert.deepEqual(answer.outputs, [
        { name: 'same', shape: [1, 2], datatype: 'FP32', data: [1, 2] },
        { name: 'sum', shape: [1, 1], datatype: 'BYTES', data: ['3.0:0'] },
      ])
    })

    it('reads and writes tensors as bytes, whatever their content type, beside others in JSON', async () => {
      const json = JSON.stringify({
        inputs: [{ ...row, parameters: { binary_data_size: 8 } }],
        parameters: { binary_data_output: true },
        outputs: [{ name: 'sum', parameters: { binary_data: false } }, { name: 'same' }],
      })
      for (const padding of ['', ' ', '  ', '   ']) {
        const { body, headers } = withBytes(json + padding, float32(0.1, -7))
        const { answer, tensors } = await split(await inferAs(body, 'sum-row', headers))
        assert.deepEqual(answer.outputs, [
          { name: 'sum', shape: [1], datatype: 'FP32', data: [-6.9] },
          { name: 'same', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } },
        ])
        assert.deepEqual(tensors, float32(0.1, -7))
      }
    })

    it('takes a body of nothing but elements as one row, or as one text', async () => {
      const bare = { 'inference-header-content-length': '0' }
      const numbers = await split(await inferAs(float32(1, 2), 'sum-row', bare))
      assert.deepEqual(numbers.tensors, float32(3, 1, 2))
      const text = await split(await inferAs('naïve', 'text', bare))
      assert.deepEqual(text.answer.outputs[0]?.shape, [1, 1])
      assert.deepEqual(text.tensors, Buffer.concat([Buffer.from([6, 0, 0, 0]), Buffer.from('naïve')]))
    })

    it('unpacks JSON and bytes together, and packs answers as they are asked for', async () => {
      const rows = Array.from({ length: 300 }, (_, index) => index % 7)
      const inputs = [{ name: 'x', shape: [150, 2], datatype: 'FP32', parameters: { binary_data_size: 1200 } }]
      const json = JSON.stringify({ inputs, parameters: { binary_data_output: true } })
      const { body, headers } = withBytes(json, float32(...rows))
      for (const [encoding, packed] of [
        ['gzip', gzipSync(body)],
        ['deflate', deflateSync(body)],
      ] as const) {
        const sent = { ...headers, 'content-encoding': encoding, 'accept-encoding': encoding }
        const response = await inferAs(packed, 'sum-row', sent)
        assert.equal(response.headers.get('content-encoding'), encoding)
        assert.deepEqual((await split(response)).tensors.subarray(600), float32(...rows))
      }
    })

    it('reads FP16 as numbers, and NaN and infinities as the service says', async () => {
      const half = { name: 'x', shape: [1, 2], datatype: 'FP16', data: [0.1, null] }
      const [output] = (await answerTo({ inputs: [half] }, 'half')).outputs
      assert.deepEqual(output, { name: 'y', shape: [1, 2], datatype: 'FP16', data: [0.1, null] })
      const infinity = '{"inputs": [{"name": "x", "shape": [], "datatype": "FP64", "data": [-Infinity]}]}'
      assert.match(
        await (await call('/v2/models/scalar/infer', { method: 'POST', body: infinity })).text(),
        /"shape": \[\], "datatype": "FP64", "data": \[-Infinity\]/,
      )
    })

    const given = (input: object, more: object = {}) => ({ inputs: [{ ...row, data: [1, 2], ...input }], ...more })
    it('makes tensors of what scripts return', async () => {
      const inputs = [{ name: 'data', shape: [2, 2], datatype: 'FP32', data: [1, 2, -3, 4] }]
      assert.deepEqual((await answerTo({ inputs }, 'lists')).outputs, [
        { name: 'total', shape: [2], datatype: 'FP64', data: [3, 1] },
        { name: 'label', shape: [2], datatype: 'BYTES', data: ['high', 'low'] },
        { name: 'isHigh', shape: [2], datatype: 'BOOL', data: [true, false] },
      ])
      assert.deepEqual((await answerTo({ inputs }, 'records')).outputs, [
        { name: 'double', shape: [2], datatype: 'FP64', data: [2, -6] },
        { name: 'name', shape: [2], datatype: 'BYTES', data: ['1', '-3'] },
      ])
      const odd = await failureOf(await infer({ inputs }, 'odd'))
      assert.deepEqual([odd.status, odd.code], [500, 'OUTPUT_NOT_SERIALISABLE'])
    })

    it.each<[string, unknown, number, string, RegExp]>([
      ['no inputs', {}, 400, 'INPUT_INVALID', /"inputs" must be a list of tensors, got nothing/],
      ['an input that is missing', { inputs: [] }, 400, 'INPUT_MISSING', /input "x" is missing; the model/],
      [
        'an input under another name',
        { inputs: [{ ...row, name: 'z', data: [1, 2] }] },
        400,
        'INPUT_MISSING',
        /input "x" is missing, "z" came; the model takes "x"/,
      ],
      [
        'an input that there is not',
        { inputs: [given({}).inputs[0], { ...row, name: 'z', data: [1, 2] }] },
        400,
        'INPUT_UNKNOWN',
        /"z"; the model takes "x"/,
      ],
      [
        'an input twice',
        { inputs: [...given({}).inputs, ...given({}).inputs] },
        400,
        'INPUT_INVALID',
        /"x" is there twice/,
      ],
      [
        'another shape than the model takes',
        given({ shape: [2, 1] }),
        400,
        'INPUT_SHAPE_MISMATCH',
        /shape \[2, 1\]; expected \[n, 2\]/,
      ],
      [
        'fewer elements than the shape has',
        given({ data: [1] }),
        400,
        'INPUT_SHAPE_MISMATCH',
        /has 1 elements, its shape is \[1, 2\]/,
      ],
      [
        'data that is nested in another shape',
        given({ data: [[1], [2]] }),
        400,
        'INPUT_SHAPE_MISMATCH',
        /nested as \[2, 1\]/,
      ],
      ['text for numbers', given({ data: ['1', 2] }), 400, 'INPUT_TYPE_MISMATCH', /\[0\]: expected a number/],
      [
        'a type that the model does not hold',
        given({ datatype: 'FP64' }),
        400,
        'INPUT_TYPE_MISMATCH',
        /is float64, the model takes float32/,
      ],
      ['a type that there is not', given({ datatype: 'BF16' }), 400, 'INPUT_TYPE_MISMATCH', /"BF16"; taken are/],
      ['a size below 0', given({ shape: [-1, 2] }), 400, 'INPUT_INVALID', /not a whole number/],
      ['no data', { inputs: [row] }, 400, 'INPUT_INVALID', /neither data nor binary_data_size/],
      [
        'bytes that did not come',
        { inputs: [{ ...row, parameters: { binary_data_size: 8 } }] },
        400,
        'INPUT_INVALID',
        /is 8, but 0 bytes follow/,
      ],
      ['shared memory', given({ parameters: { shared_memory_region: 'r' } }), 400, 'INPUT_INVALID', /no shared memory/],
      [
        'an output that there is not',
        given({}, { outputs: [{ name: 'q' }] }),
        400,
        'INPUT_INVALID',
        /no output "q"; the service gives "sum", "same"/,
      ],
      ['an id that is no text', given({}, { id: 7 }), 400, 'INPUT_INVALID', /"id" must be a string, got a number/],
      [
        'more rows than the service takes',
        given({ shape: [301, 2], data: Array(602).fill(0) }),
        413,
        'TOO_MANY_ROWS',
        /301 rows/,
      ],
      [
        'a larger body than the service takes',
        given({ data: Array(6000).fill(0) }),
        413,
        'BODY_TOO_LARGE',
        /10000 bytes/,
      ],
    ])('refuses %s', async (_, request, status, code, error) => {
      const failure = await failureOf(await infer(request as object))
      assert.deepEqual([failure.status, failure.code], [status, code])
      assert.match(failure.error, error)
    })

    it('refuses the path of a service that there is not', async () => {
      const response = await fetch(`${app.url}/api/v1/service/nobody/v2`)
      assert.deepEqual([response.status, ((await response.json()) as { code: string }).code], [404, 'SERVICE_UNKNOWN'])
    })

    it.each<[string, RequestInit & { readonly path?: string }, number, string]>([
      ['no key', { headers: { authorization: '' } }, 401, 'BEARER_MISSING'],
      ['a wrong key', { headers: { authorization: 'Bearer wrong' } }, 401, 'BEARER_REJECTED'],
      ['a service that there is not', { path: '/v2/models/nobody/infer' }, 404, 'SERVICE_UNKNOWN'],
      ['a version that is not served', { path: '/v2/models/sum-row/versions/2/infer' }, 404, 'SERVICE_UNKNOWN'],
      [
        'another service than the path begins with',
        { path: '/api/v1/service/half/v2/models/sum-row/infer' },
        404,
        'SERVICE_UNKNOWN',
      ],
      ['a path that the protocol has not', { path: '/v2/models/sum-row/predict' }, 404, 'PATH_UNKNOWN'],
      ['an empty body', { body: '' }, 400, 'BODY_EMPTY'],
      ['a body that is not JSON', { body: '{' }, 400, 'BODY_NOT_JSON'],
      ['a script that reads bodies itself', { path: '/v2/models/reader/infer' }, 501, 'TENSORS_NOT_TAKEN'],
      ['models to load', { path: '/v2/repository/models/half/load' }, 501, 'OPERATION_UNSUPPORTED'],
      ['memory to share', { path: '/v2/systemsharedmemory/region/r/register' }, 501, 'OPERATION_UNSUPPORTED'],
    ])('refuses %s', async (_, { path = '/v2/models/sum-row/infer', ...init }, status, code) => {
      const response = await call(
        path,
        { method: 'POST', body: JSON.stringify(given({})), ...init },
        path.includes('reader') ? 'reader' : 'sum-row',
      )
      const failure = await failureOf(response)
      assert.deepEqual([failure.status, failure.code], [status, code], failure.error)
      if (status === 401) assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer realm="sum-row"/)
      assert.ok(response.headers.get('x-request-id'))
    })

    it('names the methods of a path to those who use another', async () => {
      for (const [path, method, allowed] of [
        ['/v2/models/sum-row/infer', 'GET', 'POST, OPTIONS'],
        ['/v2/models/sum-row', 'POST', 'GET, HEAD, OPTIONS'],
        ['/v2/health/live', 'DELETE', 'GET, HEAD, OPTIONS'],
      ] as const) {
        const response = await call(path, { method })
        assert.deepEqual([response.status, response.headers.get('allow')], [405, allowed])
      }
    })

    it('can be called by pages of listed origins', async () => {
      const headers = { origin: 'https://page.example', 'access-control-request-method': 'POST' }
      const preflight = await fetch(`${app.url}/v2/models/sum-row/infer`, { method: 'OPTIONS', headers })
      assert.deepEqual([preflight.status, preflight.headers.get('access-control-allow-origin')], [200, headers.origin])
      const answer = await inferAs(JSON.stringify(given({})), 'sum-row', { origin: headers.origin })
      assert.equal(answer.headers.get('access-control-allow-origin'), headers.origin)
    })

    it('refuses a body whose JSON is not as long as the header says, and never fails', async () => {
      const json = JSON.stringify({ inputs: [{ ...row, parameters: { binary_data_size: 8 } }] })
      const right = withBytes(json, float32(1, 2))
      const lengths = fc.oneof(
        fc.integer({ min: -5, max: right.body.length + 5 }).map(String),
        fc.constantFrom('', 'x', '1e2', '0x10', '9'.repeat(20), '1, 2', 'NaN'),
      )
      const sizes = fc.constantFrom<unknown>(0, 1, 7, 9, -8, 8.5, 2 ** 53, null, '8', true, {}, 1e300)
      await fc.assert(
        fc.asyncProperty(lengths, fc.option(sizes), async (length, size) => {
          const sent =
            size === null ? right.body : withBytes(json.replace('8}', `${JSON.stringify(size)}}`), float32(1, 2)).body
          const textBytes = sent.length - 8
          const isRight = size === null && length === String(textBytes)
          const response = await inferAs(sent, 'sum-row', { 'inference-header-content-length': length })
          assert.equal(response.status, isRight ? 200 : 400, `${length} ${size}: ${await response.text()}`)
        }),
        { numRuns: 150 },
      )
    })

    it('refuses bytes that are left over', async () => {
      const json = JSON.stringify({ inputs: [{ ...row, parameters: { binary_data_size: 8 } }] })
      const { body, headers } = withBytes(json, float32(1, 2), Buffer.from('!'))
      const { code, error } = await failureOf(await inferAs(body, 'sum-row', headers))
      assert.deepEqual(
        [code, error],
        ['INPUT_INVALID', '1 bytes follow the last input; each input says its binary_data_size'],
      )
    })

    it('shares runs with requests of other protocols, and answers each with its own rows', async () => {
      const read = async () => new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
      const labels = { scoring_service: 'sum-row' }
      const runs = (page: PrometheusPage, what: string) => page.valueOf(`scoring_batch_requests_${what}`, labels) ?? 0
      const before = await read()
      const value = (index: number) => Math.fround(index / 7)
      const calls = Array.from({ length: 90 }, async (_, index) => {
        const numbers = [value(index), value(index + 1000)] as const
        if (index % 3 === 0) {
          const response = await app.score('sum-row', JSON.stringify({ data: [numbers] }))
          return float32(...((await response.json()) as { same: number[][] }).same.flat())
        }
        if (index % 3 === 1) {
          const answer = await answerTo({ inputs: [{ ...row, data: numbers }], outputs: [{ name: 'same' }] })
          const [output] = answer.outputs as [Output]
          return float32(...(output.data as number[]))
        }
        const inputs = [{ ...row, parameters: { binary_data_size: 8 } }]
        const json = JSON.stringify({ inputs, outputs: [{ name: 'same', parameters: { binary_data: true } }] })
        const { body, headers } = withBytes(json, float32(...numbers))
        return (await split(await inferAs(body, 'sum-row', headers))).tensors
      })
      for (const [index, bytes] of (await Promise.all(calls)).entries())
        assert.deepEqual(bytes, float32(value(index), value(index + 1000)), `request ${index}`)
      const after = await read()
      assert.equal(runs(after, 'sum') - runs(before, 'sum'), 90)
      assert.ok(runs(after, 'count') - runs(before, 'count') < 60, 'requests of several protocols share runs')
    })
  })
})
