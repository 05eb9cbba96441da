import assert from 'node:assert/strict'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { MessageReader } from '../../src/protocols/grpc/message-reader.ts'
import { MessageWriter } from '../../src/protocols/grpc/message-writer.ts'
import { end, framed, GrpcConnection, inferRequest, readFloats } from '../support/grpc-calls.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { readPrediction, writePredict } from '../support/predict-messages.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

const modelInfer = '/inference.GRPCInferenceService/ModelInfer'
const modelStreamInfer = '/inference.GRPCInferenceService/ModelStreamInfer'

/** Waits for as many milliseconds as the first element says. */
const waiting = `import { tensor } from 'scoring-functions'
  export const init = () => {}
  export const input = tensor([[1, 2]], 'float32')
  export const run = async ({ data }) => {
    await new Promise(resolve => setTimeout(resolve, data.data[0]))
    return data
  }`
const failing = `import { tensor } from 'scoring-functions'
  export const init = () => {}
  export const input = tensor([[1, 2]], 'float32')
  export const run = ({ data }) => { if (data.data[0] === 13) throw new Error('secret of the script'); return data }`

const services = {
  'two-floats/service.json': {},
  'two-floats/1/model.onnx': identityModel('float32'),
  'small/service.json': { limits: { maxBodyBytes: 2000 } },
  'small/1/model.onnx': identityModel('float32'),
  'public/service.json': { auth: { mode: 'none' } },
  'public/1/model.onnx': identityModel('float32'),
  'waiting/service.json': { entryScript: 'score.js', limits: { timeoutMs: 30_000 } },
  'waiting/score.js': waiting,
  'failing/service.json': { entryScript: 'score.js' },
  'failing/score.js': failing,
  'wide/service.json': { auth: { mode: 'none' } },
  'wide/1/model.onnx': identityModel('float32', ['batch', 20_000]),
  'echo/service.json': { entryScript: 'score.js', auth: { mode: 'none' } },
  'echo/score.js': `export const rawHttp = true; export const init = () => {}
    export const run = async request => new Response(await request.arrayBuffer())`,
  'texts/service.json': { entryScript: 'score.js' },
  'texts/score.js': 'export const init = () => {}; export const run = text => text',
}

/** Scripts call their input so; the other services have models. */
const inputs: Readonly<Record<string, string>> = { waiting: 'data', failing: 'data' }

describe('gRPC', () => {
  const cleanUps: (() => unknown)[] = []
  const suite = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
  let app: RunningApp
  let connection: GrpcConnection
  let keys: Record<string, string>
  const bearer = (service: string) => ({ authorization: `Bearer ${keys[service]}` })

  beforeAll(async () => {
    app = await runApp(suite, services, {
      SCORING_DEFAULT_SERVICE: 'public',
      SCORING_METRICS: 'public',
      SCORING_MAX_THREADS: '1',
    })
    await app.settled()
    keys = Object.fromEntries(
      await Promise.all(
        ['two-floats', 'small', 'waiting', 'failing', 'texts'].map(
          async name => [name, await app.keyOf(name)] as const,
        ),
      ),
    )
    connection = new GrpcConnection(suite, app.url)
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const metrics = async () => new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
  const infer = (model: string, elements: readonly number[], headers: Record<string, string> = {}) =>
    connection.call(
      modelInfer,
      { ...bearer(model), ...headers },
      framed(inferRequest(elements, { model, input: inputs[model] ?? 'x', shape: [elements.length / 2, 2] })),
    )
  const statusOf = ({ trailers }: Awaited<ReturnType<typeof infer>>) => [
    Number(trailers['grpc-status']),
    trailers['x-scoring-error-code'],
  ]

  describe('a call that is scored', () => {
    it('has one message, the status OK, and the headers that answers over HTTP have', async () => {
      const { headers, trailers, messages } = await infer('two-floats', [1, 2.5, -3, 4], { 'x-request-id': 'mine' })
      assert.equal(headers[':status'], 200)
      assert.equal(headers['content-type'], 'application/grpc')
      assert.equal(headers['x-request-id'], 'mine')
      assert.equal(headers['x-scoring-execution-provider'], 'cpu')
      assert.equal(trailers['grpc-status'], '0')
      assert.equal(messages.length, 1)
      assert.deepEqual(readFloats(messages[0] as Buffer), [1, 2.5, -3, 4])
    })

    it('may come in any pieces', async () => {
      const message = framed(inferRequest([5, 6], { model: 'two-floats', input: 'x', shape: [1, 2] }))
      const stream = connection.open(modelInfer, bearer('two-floats'))
      const ended = end(stream)
      for (const byte of message) {
        stream.write(Uint8Array.of(byte))
        await new Promise(resolve => setImmediate(resolve))
      }
      stream.end()
      assert.deepEqual(
        (await ended).messages.map(message => readFloats(message)),
        [[5, 6]],
      )
    })

    it('may be large, with its name first', async () => {
      const elements = Array.from({ length: 150_000 }, (_, index) => index % 1000)
      const { messages } = await infer('two-floats', elements)
      assert.deepEqual(readFloats(messages[0] as Buffer), elements)
    })

    it('may be large beside large ones of other protocols and services: each gets its own answer', async () => {
      const width = 20_000
      const post = async (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>) => {
        const response = await fetch(`${app.url}${path}`, { method: 'POST', body, headers })
        assert.equal(response.status, 200, path)
        return new Uint8Array(await response.arrayBuffer())
      }
      const octets = { 'content-type': 'application/octet-stream' }
      const scored = async (value: number, rows: number) => {
        const numbers = new Float32Array(rows * width).fill(value)
        const shape = [rows, width]
        const head = JSON.stringify({
          inputs: [{ name: 'x', datatype: 'FP32', shape, parameters: { binary_data_size: numbers.byteLength } }],
          parameters: { binary_data_output: true },
        })
        const binary = Buffer.concat([Buffer.from(head), new Uint8Array(numbers.buffer)])
        const lengths = { 'inference-header-content-length': String(Buffer.byteLength(head)) }
        const predict = writePredict({ model: { name: 'wide' }, inputs: { x: contentTensor(numbers, shape) } }).finish()
        const nested = JSON.stringify({ data: Array.from({ length: rows }, () => new Array(width).fill(value)) })
        const answers: (Float32Array | number[])[] = await Promise.all([
          connection
            .call(modelInfer, {}, framed(inferRequest([...numbers], { model: 'wide', input: 'x', shape })))
            .then(({ messages }) => readFloats(messages[0] as Buffer)),
          connection
            .call('/tensorflow.serving.PredictionService/Predict', {}, framed(predict))
            .then(({ messages }) => readPrediction(framed(messages[0] as Buffer)).outputs.y?.data as Float32Array),
          post('/v2/models/wide/infer', binary, { ...octets, ...lengths }).then(
            body => new Float32Array(body.slice(-numbers.byteLength).buffer),
          ),
          post('/api/v1/service/wide/score', new Uint8Array(numbers.buffer), octets).then(readJson),
          post('/api/v1/service/wide/score', nested, { 'content-type': 'application/json' }).then(readJson),
          post('/api/v1/service/echo/score', new Uint8Array(numbers.buffer), octets).then(
            body => new Float32Array(body.buffer),
          ),
        ])
        for (const [index, answer] of answers.entries())
          assert.ok(answer?.length === numbers.length && answer.every(each => each === value), `answer ${index}`)
      }
      for (let round = 0; round < 3; round++)
        await Promise.all(Array.from({ length: 4 }, (_, caller) => scored(round * 4 + caller + 1, 1 + (caller % 3))))
    }, 120_000)

    it.each([
      ['gzip', gzipSync],
      ['deflate', deflateSync],
    ] as const)('may be compressed with %s', async (encoding, compress) => {
      const packed = compress(inferRequest([7, 8], { model: 'two-floats', input: 'x', shape: [1, 2] }))
      const headers = { ...bearer('two-floats'), 'grpc-encoding': encoding }
      const { messages } = await connection.call(modelInfer, headers, framed(packed, { isCompressed: true }))
      assert.deepEqual(messages.map(readFloats), [[7, 8]])
    })

    it('is counted with its protocol', async () => {
      await infer('two-floats', [1, 2])
      const labels = { scoring_service: 'two-floats', scoring_protocol: 'open-inference-grpc' }
      const counted = (await metrics()).valueOf('scoring_request_duration_seconds_count', labels)
      assert.ok((counted ?? 0) > 0)
    })
  })

  describe('the key of a call', () => {
    const with_ = (authorization: string) => infer('two-floats', [1, 2], { authorization })

    it('may come without its scheme, which some clients of FPGA services leave out', async () => {
      assert.deepEqual(statusOf(await with_(keys['two-floats'] as string)), [0, undefined])
    })

    it.each([
      ['none', '', 'BEARER_MISSING'],
      ['a scheme alone', 'Bearer', 'BEARER_MALFORMED'],
      ['another scheme', 'Basic YTpi', 'BEARER_MISSING'],
      ['a wrong one', 'sfkey_wrong', 'BEARER_REJECTED'],
    ])('is refused: %s', async (_, authorization, code) => {
      assert.deepEqual(statusOf(await with_(authorization)), [16, code])
    })

    it('of another service is refused', async () => {
      assert.deepEqual(statusOf(await with_(keys.small as string)), [16, 'BEARER_REJECTED'])
    })

    it('is checked before the message has come', async () => {
      const stream = connection.open(modelInfer, { authorization: 'sfkey_wrong' })
      const ended = end(stream)
      const message = inferRequest(new Array(500_000).fill(1), { model: 'two-floats', input: 'x', shape: [250_000, 2] })
      stream.write(framed(message.subarray(0, 20_000), { declared: message.length }))
      assert.deepEqual(statusOf(await ended), [16, 'BEARER_REJECTED'])
    })
  })

  describe('the service of a call', () => {
    const call = (message: Uint8Array, headers: Record<string, string>) =>
      connection.call(modelInfer, headers, framed(message))
    const message = (model?: string) =>
      inferRequest([1, 2], { ...(model !== undefined && { model }), input: 'x', shape: [1, 2] })

    it('is the default one when nothing names another', async () => {
      assert.deepEqual(
        (await call(message(), {})).messages.map(message => readFloats(message)),
        [[1, 2]],
      )
    })

    it('is that of the route header, as clients of FPGA services send it', async () => {
      const route = { 'x-ms-aml-grpc-service-route': '/api/v1/service/two-floats' }
      assert.deepEqual(statusOf(await call(message(), route)), [16, 'BEARER_MISSING'])
      assert.deepEqual(statusOf(await call(message(), { ...route, ...bearer('two-floats') })), [0, undefined])
      assert.deepEqual(statusOf(await call(message('two_floats'), { ...route, ...bearer('two-floats') })), [
        0,
        undefined,
      ])
    })

    it('is never another than the message names', async () => {
      const route = { 'x-ms-aml-grpc-service-route': '/api/v1/service/public' }
      assert.deepEqual(statusOf(await call(message('two-floats'), route)), [3, 'INPUT_INVALID'])
      // A large message that names its model last goes to the default service, which finds the name.
      const large = inferRequest(new Array(20_000).fill(1), { input: 'x', shape: [10_000, 2] })
      const named = Buffer.concat([large, new MessageWriter().text(1, 'two-floats').finish()])
      const { trailers } = await call(named, bearer('two-floats'))
      assert.equal(trailers['grpc-status'], '3')
      assert.match(
        decodeURIComponent(String(trailers['grpc-message'])),
        /names the model "two-floats", but went to "public"/,
      )
    })

    it('is described under no other name either', async () => {
      const headers = { 'x-ms-aml-grpc-service-route': '/api/v1/service/public' }
      const named = (model: string) => framed(new MessageWriter().text(1, model).finish())
      for (const method of ['ModelReady', 'ModelMetadata', 'ModelConfig', 'ModelStatistics']) {
        const ask = (model: string) =>
          connection.call(`/inference.GRPCInferenceService/${method}`, headers, named(model))
        assert.deepEqual(statusOf(await ask('public')), [0, undefined])
        assert.deepEqual(statusOf(await ask('two-floats')), [3, 'INPUT_INVALID'])
      }
    })

    it('is found with _ for -, and by its version', async () => {
      assert.deepEqual(statusOf(await call(message('two_floats'), bearer('two-floats'))), [0, undefined])
      const versioned = inferRequest([1, 2], { model: 'two-floats', version: '1', input: 'x', shape: [1, 2] })
      assert.deepEqual(statusOf(await call(versioned, bearer('two-floats'))), [0, undefined])
    })

    it('that is unknown is NOT_FOUND, in the words of Triton', async () => {
      const { trailers } = await call(message('nope'), {})
      assert.equal(trailers['grpc-status'], '5')
      assert.equal(trailers['grpc-message'], "Request for unknown model: 'nope' is not found")
      const version = inferRequest([1, 2], { model: 'public', version: '7', input: 'x', shape: [1, 2] })
      assert.deepEqual(statusOf(await call(version, {})), [5, 'SERVICE_UNKNOWN'])
    })
  })

  describe('a call that fails', () => {
    const raw = async (headers: Record<string, string>, ...sent: Uint8Array[]) =>
      statusOf(await connection.call(modelInfer, { ...bearer('two-floats'), ...headers }, ...sent))
    const good = inferRequest([1, 2], { model: 'two-floats', input: 'x', shape: [1, 2] })

    it.each([
      ['of a method that there is not', '/inference.GRPCInferenceService/Nope', [12, 'PATH_UNKNOWN']],
      [
        'of Triton’s shared memory',
        '/inference.GRPCInferenceService/SystemSharedMemoryStatus',
        [12, 'OPERATION_UNSUPPORTED'],
      ],
    ] as const)('%s', async (_, path, status) => {
      assert.deepEqual(statusOf(await connection.call(path, {}, framed(new Uint8Array()))), status)
    })

    it('says what is wrong with a tensor', async () => {
      const wrong = inferRequest([1, 2, 3], { model: 'two-floats', input: 'x', shape: [1, 2] })
      const { trailers } = await connection.call(modelInfer, bearer('two-floats'), framed(wrong))
      assert.equal(trailers['grpc-status'], '3')
      assert.equal(trailers['x-scoring-error-code'], 'INPUT_SHAPE_MISMATCH')
      assert.match(String(trailers['grpc-message']), /input "x": shape \[1, 2\] of FP32 needs 8 bytes, got 12/)
    })

    it('is refused from its prefix when it is too large', async () => {
      const stream = connection.open(modelInfer, bearer('small'))
      const ended = end(stream)
      const message = inferRequest(new Array(6000).fill(1), { model: 'small', input: 'x', shape: [3000, 2] })
      stream.write(framed(message.subarray(0, 17_000), { declared: 2 ** 32 - 1 }))
      assert.deepEqual(statusOf(await ended), [8, 'BODY_TOO_LARGE'])
    })

    it('is refused when it unpacks to more than the limit', async () => {
      const zeros = inferRequest(new Array(10_000).fill(0), { model: 'small', input: 'x', shape: [5000, 2] })
      const headers = { ...bearer('small'), 'grpc-encoding': 'gzip' }
      const call = await connection.call(modelInfer, headers, framed(gzipSync(zeros), { isCompressed: true }))
      assert.deepEqual(statusOf(call), [8, 'BODY_TOO_LARGE'])
    })

    it('tells which encodings it takes', async () => {
      const headers = { ...bearer('two-floats'), 'grpc-encoding': 'snappy' }
      const { trailers } = await connection.call(modelInfer, headers, framed(good))
      assert.equal(trailers['grpc-status'], '12')
      assert.equal(trailers['grpc-accept-encoding'], 'identity,deflate,gzip')
    })

    it('does so with a message that does not unpack, or is marked as compressed without a word how', async () => {
      const packed = framed(good, { isCompressed: true })
      assert.deepEqual(await raw({ 'x-ms-aml-grpc-service-route': 'two-floats', 'grpc-encoding': 'gzip' }, packed), [
        ...[3, 'BODY_NOT_DECOMPRESSIBLE'],
      ])
      assert.deepEqual(await raw({}, packed), [3, 'INPUT_INVALID'])
    })

    it.each([
      ['the beginning of gzip’s header', gzipSync(good).subarray(0, 5), 'BODY_NOT_DECOMPRESSIBLE'],
      ['no bytes', new Uint8Array(), 'BODY_NOT_DECOMPRESSIBLE'],
      ['an empty message', gzipSync(''), 'INPUT_MISSING'],
    ])('does so with %s as a compressed message', async (_, packed, code) => {
      const headers = { 'grpc-encoding': 'gzip' }
      const call = await connection.call(modelInfer, headers, framed(packed, { isCompressed: true }))
      assert.deepEqual(statusOf(call), [3, code])
    })

    it('does so with no message, or with half of one', async () => {
      assert.deepEqual(await raw({}), [3, 'BODY_EMPTY'])
      assert.deepEqual(await raw({}, framed(good.subarray(0, 20), { declared: good.length })), [1, 'BODY_ABORTED'])
      assert.deepEqual(await raw({}, Uint8Array.of(0, 0)), [1, 'BODY_ABORTED'])
    })

    it('does so with headers that are not valid', async () => {
      assert.deepEqual(await raw({ 'grpc-timeout': '5 seconds' }, framed(good)), [3, 'HEADER_INVALID'])
      assert.deepEqual(await raw({ 'x-request-id': 'x'.repeat(101) }, framed(good)), [3, 'REQUEST_ID_TOO_LONG'])
    })

    it('does so without a word of the script’s fault', async () => {
      const { trailers } = await infer('failing', [13, 1])
      assert.deepEqual([trailers['grpc-status'], trailers['x-scoring-error-code']], ['2', 'ENTRY_SCRIPT_FAILED'])
      assert.doesNotMatch(String(trailers['grpc-message']), /secret/)
    })

    it('is UNIMPLEMENTED where a script reads bodies itself', async () => {
      assert.deepEqual(statusOf(await infer('texts', [1, 2])), [12, 'TENSORS_NOT_TAKEN'])
    })

    it('ends with its deadline', async () => {
      const ended = await infer('waiting', [1500, 0], { 'grpc-timeout': '150m' })
      assert.deepEqual(statusOf(ended), [4, 'SCORING_TIMEOUT'])
    })

    it.each(['application/grpc-web', 'application/grpc+json'])('is refused over HTTP as %s', async type => {
      const { headers } = await connection.call(modelInfer, { 'content-type': type }, framed(good))
      assert.equal(headers[':status'], 415)
    })
  })

  it('does not run what its caller has cancelled', async () => {
    const first = infer('waiting', [4000, 0])
    const message = framed(inferRequest([1, 0], { model: 'waiting', input: 'data', shape: [1, 2] }))
    const cancelled = Array.from({ length: 4 }, () => {
      const stream = connection.open(modelInfer, bearer('waiting'))
      stream.on('error', () => {})
      stream.end(message)
      return stream
    })
    await new Promise(resolve => setTimeout(resolve, 1500)) // that they have come
    for (const stream of cancelled) stream.close(8)
    assert.deepEqual(statusOf(await first), [0, undefined])
    const abandoned = { scoring_service: 'waiting', scoring_reason: 'abandoned' }
    while ((await metrics()).valueOf('scoring_queue_dropped_total', abandoned) !== 4);
  })

  describe('a stream', () => {
    const request = (model: string, elements: readonly number[], id: string, input = 'data') =>
      framed(inferRequest(elements, { model, id, input, shape: [1, 2] }))

    it('answers in order of arrival, and goes on after a message that failed', async () => {
      const { trailers, messages } = await connection.call(
        modelStreamInfer,
        bearer('waiting'),
        request('waiting', [120, 1], 'a'),
        request('waiting', [1, 2], 'b'),
        request('nope', [1, 2], 'c'),
        request('waiting', [1, 2], 'd', 'wrong'),
        request('waiting', [2, 3], 'e'),
      )
      assert.equal(trailers['grpc-status'], '0')
      assert.deepEqual(messages.map(readStreamed), [
        { id: 'a', error: '', floats: [120, 1] },
        { id: 'b', error: '', floats: [1, 2] },
        { id: 'c', error: "Request for unknown model: 'nope' is not found", floats: [] },
        { id: 'd', error: 'input "data" is missing, "wrong" came; the model takes "data"', floats: [] },
        { id: 'e', error: '', floats: [2, 3] },
      ])
    })

    it('ends with its deadline, while it waits for a further message', async () => {
      const stream = connection.open(modelStreamInfer, { ...bearer('waiting'), 'grpc-timeout': '2S' })
      const ended = end(stream)
      stream.write(request('waiting', [1, 2], 'a'))
      const { trailers, messages } = await ended
      assert.deepEqual([trailers['grpc-status'], trailers['x-scoring-error-code']], ['4', 'SCORING_TIMEOUT'])
      assert.deepEqual(messages.map(readStreamed), [{ id: 'a', error: '', floats: [1, 2] }])
    })

    it('ends when a message is for a service that its key does not open', async () => {
      const { trailers, messages } = await connection.call(
        modelStreamInfer,
        bearer('waiting'),
        request('waiting', [1, 2], 'a'),
        request('two-floats', [1, 2], 'b', 'x'),
      )
      assert.deepEqual([trailers['grpc-status'], trailers['x-scoring-error-code']], ['16', 'BEARER_REJECTED'])
      assert.deepEqual(messages.map(readStreamed), [{ id: 'a', error: '', floats: [1, 2] }])
    })

    it('ends before the message has come that its key is wrong for', async () => {
      const stream = connection.open(modelStreamInfer, bearer('waiting'))
      const ended = end(stream)
      stream.write(request('waiting', [1, 2], 'a'))
      stream.write(framed(inferRequest([], { model: 'two-floats', shape: [0, 2] }), { declared: 2 ** 31 }))
      stream.write(new Uint8Array(20_000))
      const { trailers, messages } = await ended
      assert.deepEqual([trailers['grpc-status'], trailers['x-scoring-error-code']], ['16', 'BEARER_REJECTED'])
      assert.deepEqual(messages.map(readStreamed), [{ id: 'a', error: '', floats: [1, 2] }])
    })

    it('holds no memory of the messages behind the one that ended it', async () => {
      const sent = [
        request('waiting', [1, 2], 'a'),
        request('two-floats', [1, 2], 'b', 'x'),
        ...Array.from({ length: 8 }, (_, n) => request('waiting', [1, 2], `${n}`)),
      ]
      await connection.call(modelStreamInfer, bearer('waiting'), ...sent)
      for (const service of ['waiting', 'two-floats'])
        while ((await metrics()).valueOf('scoring_request_held_bytes', { scoring_service: service }) !== 0);
    })

    it('passes over a message that is too large', async () => {
      const large = inferRequest(new Array(2000).fill(1), { model: 'small', id: 'large', input: 'x', shape: [1000, 2] })
      const { messages } = await connection.call(
        modelStreamInfer,
        bearer('small'),
        framed(large),
        request('small', [1, 2], 'b', 'x'),
      )
      assert.deepEqual(messages.map(readStreamed), [
        { id: 'large', error: 'The request body is larger than 2000 bytes; send fewer rows at a time.', floats: [] },
        { id: 'b', error: '', floats: [1, 2] },
      ])
    })

    it('names the request that failed also when its message has gone to a worker', async () => {
      const large = { model: 'two-floats', id: 'large', input: 'x', shape: [200_000, 2] }
      const sent = framed(inferRequest(new Array(399_999).fill(1), large))
      const { messages } = await connection.call(modelStreamInfer, bearer('two-floats'), sent)
      const error = 'input "x": shape [200000, 2] of FP32 needs 1600000 bytes, got 1599996'
      assert.deepEqual(messages.map(readStreamed), [{ id: 'large', error, floats: [] }])
    })

    it('answers thousands of messages that are sent without waiting', async () => {
      const count = 2000
      const sent = Buffer.concat(Array.from({ length: count }, (_, n) => request('two-floats', [n, -n], `${n}`, 'x')))
      const { trailers, messages } = await connection.call(modelStreamInfer, bearer('two-floats'), sent)
      assert.equal(trailers['grpc-status'], '0')
      assert.deepEqual(
        messages.map(readStreamed),
        Array.from({ length: count }, (_, n) => ({ id: `${n}`, error: '', floats: [n, -n] })),
      )
    })
  })

  it('shares runs with requests of other protocols, and gives each caller its own rows', async () => {
    const url = `${app.url}/api/v1/service/two-floats`
    const headers = { ...bearer('two-floats'), 'content-type': 'application/json' }
    const post = async (path: string, body: unknown) => {
      const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
      return (await response.json()) as never
    }
    const ways: readonly ((row: number[]) => Promise<number[]>)[] = [
      async row => readFloats((await infer('two-floats', row)).messages[0] as Buffer),
      async row => (await post('/score', { data: [row] }))[0] as number[],
      async row => {
        const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: row }]
        return ((await post('/v2/models/two-floats/infer', { inputs })) as { outputs: [{ data: number[] }] }).outputs[0]
          .data
      },
    ]
    const rows = Array.from({ length: 300 }, (_, index) => [index, index / 4])
    const answers = await Promise.all(rows.map((row, index) => (ways[index % 3] as (typeof ways)[0])(row)))
    assert.deepEqual(answers, rows)
    const page = await metrics()
    const counted = (name: string) => page.valueOf(name, { scoring_service: 'two-floats' }) ?? 0
    assert.ok(counted('scoring_batch_requests_sum') > counted('scoring_batch_requests_count'), 'requests share runs')
  })

  describe('grpc.health.v1.Health', () => {
    const name = (service: string) => framed(new MessageWriter().text(1, service).finish())
    const check = (service: string) => connection.call('/grpc.health.v1.Health/Check', {}, name(service))

    it.each(['', 'two-floats', 'inference.GRPCInferenceService'])('knows %j, without a key', async service => {
      const { trailers, messages } = await check(service)
      assert.equal(trailers['grpc-status'], '0')
      assert.deepEqual(messages, [Buffer.from([8, 1])])
    })

    it('does not know other names', async () => {
      assert.deepEqual(statusOf(await check('nope')), [5, 'SERVICE_UNKNOWN'])
    })

    it('tells a watcher at once, and that it does not know a name', async () => {
      for (const [service, status] of [
        ['', 1],
        ['nope', 3],
      ] as const) {
        const stream = connection.open('/grpc.health.v1.Health/Watch')
        stream.on('error', () => {})
        stream.end(name(service))
        const told = await new Promise<Buffer>(resolve => stream.once('data', resolve))
        assert.deepEqual([...told], [0, 0, 0, 0, 2, 8, status])
        stream.close(8)
      }
    })
  })

  it('counts wrong keys by the client that the proxy before the app names', async test => {
    const proxied = await runApp(test, services, { SCORING_TRUSTED_PROXIES: '1' })
    await proxied.settled()
    const client = new GrpcConnection(test, proxied.url)
    const message = framed(inferRequest([1, 2], { model: 'two-floats', input: 'x', shape: [1, 2] }))
    const from = async (address: string) => {
      const headers = { authorization: 'sfkey_wrong', 'x-forwarded-for': address }
      return statusOf(await client.call(modelInfer, headers, message))
    }
    for (let n = 0; n < 20; n++)
      assert.deepEqual(await from(`198.51.100.${n}, 203.0.113.7`), [16, 'BEARER_REJECTED'], `${n}`)
    assert.deepEqual(await from('203.0.113.7'), [8, 'TOO_MANY_WRONG_KEYS'])
    assert.deepEqual(await from('203.0.113.7, 203.0.113.8'), [16, 'BEARER_REJECTED'])
  })

  it('ends streams when the app stops, after the answers that they are owed', async test => {
    const stopping = await runApp(test, services)
    await stopping.settled()
    const client = new GrpcConnection(test, stopping.url)
    const authorization = await stopping.keyOf('waiting')
    const stream = client.open(modelStreamInfer, { authorization })
    const watch = client.open('/grpc.health.v1.Health/Watch')
    const [ended, watched] = [end(stream), end(watch)]
    const unary = client.open(modelInfer, { authorization })
    const answered = end(unary)
    watch.end(framed(new Uint8Array()))
    for (const id of ['a', 'b'])
      stream.write(framed(inferRequest([800, 1], { model: 'waiting', id, input: 'data', shape: [1, 2] })))
    unary.end(framed(inferRequest([800, 1], { model: 'waiting', input: 'data', shape: [1, 2] })))
    await new Promise(resolve => setTimeout(resolve, 1200)) // that they have come
    stopping.process.kill('SIGTERM')
    const { trailers, messages } = await ended
    assert.deepEqual(
      messages.map(readStreamed).map(({ id }) => id),
      ['a', 'b'],
    )
    assert.deepEqual([trailers['grpc-status'], trailers['x-scoring-error-code']], ['14', 'SERVICE_STOPPING'])
    assert.equal((await watched).trailers['grpc-status'], '14')
    assert.equal((await answered).trailers['grpc-status'], '0')
  })
})

function readJson(body: Uint8Array): number[] {
  return (JSON.parse(Buffer.from(body).toString()) as number[][]).flat()
}

/** A `TensorProto` as NumPy clients write it. */
function contentTensor({ buffer }: Float32Array<ArrayBuffer>, shape: readonly number[]): MessageWriter {
  const sizes = new MessageWriter()
  for (const size of shape) sizes.message(2, new MessageWriter().integer(1, size))
  return new MessageWriter().integer(1, 1).message(2, sizes).bytes(4, new Uint8Array(buffer))
}

/** A `ModelStreamInferResponse`. */
function readStreamed(message: Uint8Array): { id: string; error: string; floats: number[] } {
  const reader = new MessageReader(message, 'ModelStreamInferResponse')
  let error = ''
  let id = ''
  let floats: number[] = []
  while (reader.next()) {
    if (reader.field === 1) error = reader.text()
    else {
      const bytes = reader.bytes()
      const answer = new MessageReader(bytes, 'ModelInferResponse')
      while (answer.next()) {
        if (answer.field === 3) id = answer.text()
        else answer.skip()
      }
      floats = readFloats(bytes)
    }
  }
  return { id, error, floats }
}
