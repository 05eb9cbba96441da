import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { BlobServiceClient } from '@azure/storage-blob'
import { QueueServiceClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type AzureHost, startAzureHost } from '../support/azure-host-process.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { framed, GrpcConnection, inferRequest } from '../support/grpc-calls.ts'
import { makeLinkedProject } from '../support/linked-project.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { type CollectedSpan, type OtlpCollector, startCollector } from '../support/otlp-collector.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

const traceOf = (digit: string) => digit.repeat(32)
const callerSpan = '00f067aa0ba902b7'
const traceparent = (digit: string, flags = '01') => ({ traceparent: `00-${traceOf(digit)}-${callerSpan}-${flags}` })
const within = (digit: string, name: RegExp) => (span: CollectedSpan) =>
  span.traceId === traceOf(digit) && name.test(span.name)

/** Answers with the trace that it would hand on. */
const handsOn = `export const init = () => {}
  export const run = (text, headers) => headers.Traceparent + ' ' + headers.Tracestate`

const settings = (collector: OtlpCollector) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=hospital',
  OTEL_BSP_SCHEDULE_DELAY: '20',
  OTEL_METRIC_EXPORT_INTERVAL: '200',
  OTEL_SERVICE_NAME: 'scoring-in-test',
})

describe('an app that exports to a collector, on the embedded host', () => {
  const cleanUps: (() => unknown)[] = []
  const suite = { onTestFinished: (cleanUp: unknown) => void cleanUps.push(cleanUp as () => unknown) }
  let collector: OtlpCollector
  let app: RunningApp
  let storage: string
  beforeAll(async () => {
    collector = await startCollector(suite as never)
    storage = await startStorage(suite as never)
    const services = {
      'two-floats/service.json': { triggers: { queue: { input: 'floats-in', output: 'floats-out' } } },
      'two-floats/2/model.onnx': identityModel('float32'),
      'hands-on/service.json': { entryScript: 'score.js' },
      'hands-on/score.js': handsOn,
    }
    app = await runApp(suite as never, services, {
      ...settings(collector),
      AzureWebJobsStorage: storage,
      SCORING_HOST_QUEUE_MAX_POLLING_MS: '100',
    })
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it('continues the trace of a caller, with the queue and the run as parts', async () => {
    const headers = { ...traceparent('a'), tracestate: 'congo=t61rcWkgMzE', 'x-request-id': 'my-42' }
    assert.equal((await app.score('two-floats', '{"data": [[31337.5, 2], [3, 4]]}', headers)).status, 200)
    const span = await collector.span(within('a', /^POST /))
    assert.deepEqual(
      [span.name, span.kind, span.parentId, span.state],
      ['POST /api/v1/service/{service}/score', 'server', callerSpan, 'congo=t61rcWkgMzE'],
    )
    assert.partialDeepStrictEqual(span.attributes, {
      'http.request.method': 'POST',
      'http.route': '/api/v1/service/{service}/score',
      'http.response.status_code': 200,
      'scoring.service': 'two-floats',
      'scoring.model.version': '2',
      'scoring.protocol': 'azureml',
      'scoring.rows': 2,
      'scoring.request.id': 'my-42',
    })
    assert.partialDeepStrictEqual(span.resource, { 'service.name': 'scoring-in-test' })
    const [queue, run] = [await collector.span(within('a', /^queue$/)), await collector.span(within('a', /^run$/))]
    assert.deepEqual([queue.parentId, run.parentId], [span.spanId, span.spanId])
    assert.partialDeepStrictEqual(run.attributes, {
      'scoring.execution_provider': 'cpu',
      'scoring.rows': 2,
      'scoring.batch.size': 2,
    })
    assert.equal(collector.headers()?.['x-tenant'], 'hospital')
  })

  it('keeps rows and keys out of spans', async () => {
    const wrong = { ...traceparent('b'), authorization: 'Bearer a-wrong-key-of-a-stranger' }
    assert.equal((await app.score('two-floats', '{"data": [[31337.5, 2]]}', wrong)).status, 401)
    const span = await collector.span(within('b', /^POST /))
    assert.partialDeepStrictEqual(span.attributes, {
      'http.response.status_code': 401,
      'error.type': 'BEARER_REJECTED',
    })
    assert.equal(span.isError, false) // the fault of the caller
    const text = JSON.stringify(collector.spans)
    assert.doesNotMatch(text, /31337|a-wrong-key/)
    assert.ok(!text.includes(await app.keyOf('two-floats')))
  })

  it('records nothing of a trace that its caller does not', async () => {
    await app.score('two-floats', '{"data": [[1, 2]]}', traceparent('c', '00'))
    await app.score('two-floats', '{"data": [[1, 2]]}', traceparent('d'))
    await collector.span(within('d', /^POST /))
    assert.deepEqual(
      collector.spans.filter(({ traceId }) => traceId === traceOf('c')),
      [],
    )
  })

  it('gives scripts the span of their call, to hand on', async () => {
    const headers = { ...traceparent('e'), tracestate: 'a=1' }
    const answer = await (await app.score('hands-on', '{}', headers)).json()
    const { spanId } = await collector.span(within('e', /^POST /))
    assert.equal(answer, `00-${traceOf('e')}-${spanId}-01 a=1`)
  })

  it('traces calls of gRPC', async () => {
    const connection = new GrpcConnection(suite as never, app.url)
    const headers = { authorization: `Bearer ${await app.keyOf('two-floats')}`, ...traceparent('f') }
    const message = framed(inferRequest([1, 2], { model: 'two-floats', input: 'x', shape: [1, 2] }))
    const { trailers } = await connection.call('/inference.GRPCInferenceService/ModelInfer', headers, message)
    assert.equal(trailers['grpc-status'], '0')
    const span = await collector.span(within('f', /ModelInfer/))
    assert.deepEqual(
      [span.name, span.kind, span.parentId],
      ['inference.GRPCInferenceService/ModelInfer', 'server', callerSpan],
    )
    assert.partialDeepStrictEqual(span.attributes, {
      'rpc.system': 'grpc',
      'rpc.method': 'ModelInfer',
      'rpc.grpc.status_code': 0,
      'scoring.service': 'two-floats',
    })
    assert.equal((await collector.span(within('f', /^run$/))).parentId, span.spanId)
  })

  it('links every step of a job to its submission', async () => {
    const url = `${app.url}/api/v1/service/two-floats/jobs`
    const headers = {
      authorization: `Bearer ${await app.keyOf('two-floats')}`,
      'content-type': 'application/json',
      ...traceparent('1'),
    }
    const rows = Array.from({ length: 30 }, (_, index) => [index, 31337.5])
    const body = JSON.stringify({ jobId: 'traced', input: { rows }, miniBatchSize: 10 })
    assert.equal((await fetch(url, { method: 'POST', headers, body })).status, 202)
    const submission = await collector.span(within('1', /^POST /))
    const link = `${traceOf('1')}-${submission.spanId}`
    for (const step of ['split', 'chunk', 'finish']) {
      const span = await collector.span(({ name, links }) => name === `job ${step}` && links.includes(link))
      assert.partialDeepStrictEqual(span.attributes, { 'scoring.service': 'two-floats', 'scoring.job.id': 'traced' })
      assert.equal(span.isError, false)
    }
    const chunk = await collector.span(
      ({ name, attributes }) => name === 'score chunk' && attributes['scoring.job.chunk'] === 0,
    )
    assert.partialDeepStrictEqual(chunk.attributes, { 'scoring.rows': 10, 'scoring.job.rows.failed': 0 })
    // From the request of the caller over the queue to the run of a chunk.
    const step = await collector.span(({ spanId }) => spanId === chunk.parentId)
    // The first chunks may be scored while the input is divided.
    assert.match(step.name, /^job (split|chunk)$/)
    assert.deepEqual(step.links, [link])
    const run = await collector.span(({ name, parentId }) => name === 'run' && parentId === chunk.spanId)
    assert.equal(run.traceId, chunk.traceId)
    assert.partialDeepStrictEqual(run.attributes, {
      'scoring.service': 'two-floats',
      'scoring.execution_provider': 'cpu',
    })
    assert.ok(Number(run.attributes['scoring.run.duration']) > 0)
    assert.doesNotMatch(JSON.stringify(collector.spans), /31337/)
  })

  it('gives scripts the span of the chunk, and records the first 32 runs of many', async () => {
    const job = { jobId: 'many-runs', input: { rows: Array.from({ length: 40 }, (_, index) => [index]) } }
    const url = `${app.url}/api/v1/service/hands-on/jobs`
    const headers = { authorization: `Bearer ${await app.keyOf('hands-on')}`, 'content-type': 'application/json' }
    assert.equal((await fetch(url, { method: 'POST', headers, body: JSON.stringify(job) })).status, 202)
    const ofJob = (name: string) => (span: CollectedSpan) =>
      span.name === name && span.attributes['scoring.job.id'] === 'many-runs'
    await collector.span(ofJob('job finish'))
    const findParts = (parents: readonly CollectedSpan[], name: string) =>
      collector.spans.filter(each => each.name === name && parents.some(({ spanId }) => spanId === each.parentId))
    // A slow machine may go on with a chunk in another step than the one that planned it.
    const steps = collector.spans.filter(each => ofJob('job split')(each) || ofJob('job chunk')(each))
    const chunks = findParts(steps, 'score chunk')
    const runCounts = chunks.map(({ attributes }) => Number(attributes['scoring.job.runs']))
    assert.equal(
      runCounts.reduce((sum, count) => sum + count, 0),
      40,
    )
    assert.deepEqual(
      chunks.map(chunk => findParts([chunk], 'run').length),
      runCounts.map(count => Math.min(count, 32)),
    )
    const output = BlobServiceClient.fromConnectionString(storage)
      .getContainerClient('jobs')
      .getBlobClient('hands-on/many-runs/predictions.jsonl')
    const [line = ''] = (await output.downloadToBuffer()).toString().split('\n')
    const handedOn: string = JSON.parse(line).prediction.split(' ')[0]
    assert(chunks.some(({ traceId, spanId }) => handedOn === `00-${traceId}-${spanId}-01`))
  })

  it('links the steps of a job that came by message to its sender', async () => {
    const submission = { service: 'two-floats', jobId: 'by-message', input: { rows: [[1, 2]] }, ...traceparent('2') }
    const queues = QueueServiceClient.fromConnectionString(storage)
    await queues.createQueue('scoring-jobs').catch(() => {}) // the host may have been first
    await queues.getQueueClient('scoring-jobs').sendMessage(JSON.stringify(submission))
    const span = await collector.span(
      ({ name, attributes }) => name === 'job finish' && attributes['scoring.job.id'] === 'by-message',
    )
    assert.deepEqual(span.links, [`${traceOf('2')}-${callerSpan}`])
  })

  it('traces messages of triggers, with the run as a part', async () => {
    const queue = QueueServiceClient.fromConnectionString(storage).getQueueClient('floats-in')
    await queue.createIfNotExists()
    const { messageId } = await queue.sendMessage('{"data": [[31337.5, 2], [3, 4]]}')
    const span = await collector.span(({ attributes }) => attributes['scoring.request.id'] === messageId)
    assert.deepEqual([span.name, span.kind, span.parentId], ['score queue', 'consumer', ''])
    assert.partialDeepStrictEqual(span.attributes, {
      'messaging.system': 'azure_storage_queue',
      'messaging.destination.name': 'floats-in',
      'messaging.message.delivery_count': 1,
      'scoring.service': 'two-floats',
      'scoring.model.version': '2',
      'scoring.protocol': 'queue',
      'scoring.rows': 2,
    })
    const run = await collector.span(({ name, parentId }) => name === 'run' && parentId === span.spanId)
    assert.equal(run.traceId, span.traceId)
    assert.doesNotMatch(JSON.stringify(collector.spans), /31337/)
  })

  it('exports its metrics', async () => {
    const point = await collector.point(
      ({ name, attributes }) => name === 'scoring.run.duration' && attributes['scoring.service'] === 'two-floats',
    )
    assert.ok(point.value > 0)
  })
})

describe("an app that exports to a collector, behind Azure's host", () => {
  it("has its spans within those of the host's invocations", async test => {
    const collector = await startCollector(test)
    const root = await makeLinkedProject(test, {})
    const environment = {
      ...{ AZURE_FUNCTIONS_ENVIRONMENT: 'Development', SCORING_WATCH: 'off', SCORING_LOG: 'json' },
      ...settings(collector),
    }
    const host: AzureHost = await startAzureHost(test, root, { environment })
    const score = (headers: Record<string, string>) =>
      fetch(`${host.url}/api/v1/service/sut/score`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json', ...headers },
      })
    const first = await score(traceparent('3'))
    assert.equal(first.status, 200)
    const phase = String.raw`start-\w+;dur=[\d.]+`
    assert.match(first.headers.get('server-timing') ?? '', new RegExp(`^queue;dur=.*, ${phase}(, ${phase}){5}$`))
    assert.doesNotMatch((await score({})).headers.get('server-timing') ?? '', /start-/)
    while (!/^Functions\.score /m.test(host.output())) await delay(10)
    // The host keeps the line of a request with the id of its invocation.
    const [, line = ''] = /^Functions\.score [\da-f-]{36} information: (.*)$/m.exec(host.output()) ?? []
    const { service, status, traceId, invocationId } = JSON.parse(line) as Record<string, unknown>
    assert.deepEqual([service, status, traceId], ['sut', 200, traceOf('3')])
    assert.ok(host.output().includes(`Functions.score ${invocationId} information`))
    const span = await collector.span(within('3', /^POST /))
    assert.equal(span.kind, 'internal') // the host has the span of the server
    assert.notEqual(span.parentId, callerSpan)
    assert.match(span.parentId, /^[0-9a-f]{16}$/)
    const coldStart = await collector.span(({ name }) => name === 'cold start')
    assert.deepEqual(coldStart.attributes, { 'scoring.service': 'sut', 'faas.coldstart': true })
    const phases = collector.spans.filter(({ parentId }) => parentId === coldStart.spanId).map(({ name }) => name)
    assert.deepEqual(phases, ['start bundle', 'start host', 'start app', 'start model', 'start answer'])
  })

  it('sends what is left when it ends', async test => {
    const collector = await startCollector(test)
    const root = await makeLinkedProject(test, {})
    const environment = {
      ...{ AZURE_FUNCTIONS_ENVIRONMENT: 'Development', SCORING_WATCH: 'off' },
      ...settings(collector),
      OTEL_BSP_SCHEDULE_DELAY: '600000',
    }
    const host = await startAzureHost(test, root, { environment })
    const body = '{}'
    const headers = { 'content-type': 'application/json', ...traceparent('4') }
    await fetch(`${host.url}/api/v1/service/sut/score`, { method: 'POST', body, headers })
    assert.equal(collector.spans.length, 0)
    assert.equal(await host.stop(), 0)
    assert.equal(collector.spans.filter(within('4', /^POST /)).length, 1)
  })

  it('names a collector that is not there in the log, and scores all the same', async test => {
    const root = await makeLinkedProject(test, {})
    const environment = {
      ...{ AZURE_FUNCTIONS_ENVIRONMENT: 'Development', SCORING_WATCH: 'off', OTEL_BSP_SCHEDULE_DELAY: '20' },
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', // discard
      OTEL_EXPORTER_OTLP_TIMEOUT: '200', // until then it tries again
    }
    const host = await startAzureHost(test, root, { environment })
    const headers = { 'content-type': 'application/json', ...traceparent('5') }
    const answer = await fetch(`${host.url}/api/v1/service/sut/score`, { method: 'POST', body: '{}', headers })
    assert.equal(answer.status, 200)
    while (!/^OpenTelemetry: /m.test(host.output())) await delay(10)
    assert.doesNotMatch(host.output(), /^ +at /m)
  })
})
