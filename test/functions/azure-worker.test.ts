import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { QueueServiceClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { AzureWorker } from '../support/azure-worker.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { copyOfApp } from '../support/running-app.ts'

describe("the bundle in Azure's Node worker", () => {
  const worker = new AzureWorker()
  const cleanUps: (() => unknown)[] = []
  let root: string
  let storage: string
  beforeAll(async () => {
    storage = await startStorage({ onTestFinished: cleanUp => cleanUps.push(cleanUp) })
    process.env.AzureWebJobsStorage = storage
    process.env.AZURE_FUNCTIONS_ENVIRONMENT = 'Development'
    process.env.SCORING_MODELS = 'models'
    root = await copyOfApp({ onTestFinished: cleanUp => cleanUps.push(cleanUp as () => unknown) })
    await worker.load(root)
    while ((await worker.invoke('ready', { method: 'GET', path: '/health/ready' })).status !== 200);
  })
  afterAll(async () => {
    await worker.runHooks('appTerminate')
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })
  const keyOf = async (service: string) =>
    JSON.parse(await readFile(join(root, '.local/keys.json'), 'utf8'))[service].primary
  const score = async (body: string, service = 'diabetes') =>
    worker.invoke('score', {
      method: 'POST',
      path: `/api/v1/service/${service}/score`,
      params: { service },
      headers: { authorization: `Bearer ${await keyOf('diabetes')}`, 'content-type': 'application/json' },
      body,
    })

  it('reads a body as it comes, and answers when it is too large while it still comes', async () => {
    const rows = JSON.stringify({ data: [Array(10).fill(0)] })
    const large = await score(rows.padEnd(3_000_000))
    assert.deepEqual([large.status, large.body], [200, (await score(rows)).body])
    const over = await score(rows.padEnd(104_857_601))
    assert.deepEqual([over.status, JSON.parse(over.body).code], [413, 'BODY_TOO_LARGE'])
    assert.equal((await score(rows)).status, 200)
  })

  const loadedBundles = () =>
    Object.keys(createRequire(import.meta.url).cache)
      .filter(file => file.startsWith(join(root, 'dist')))
      .map(file => basename(file))
      .sort()

  it('registers every function while it is imported', () => {
    const triggers = [...worker.functions.values()].map(({ metadata }) => {
      const trigger = Object.values(metadata.bindings).find(({ type }) => type.endsWith('Trigger'))
      return trigger?.route ?? trigger?.queueName ?? trigger?.type
    })
    assert.deepEqual(triggers.sort(), [
      '/',
      'api/v1/service/{service}',
      'api/v1/service/{service}/docs',
      'api/v1/service/{service}/docs/{file}',
      'api/v1/service/{service}/encrypted',
      'api/v1/service/{service}/encrypted/keys/{keyId}',
      'api/v1/service/{service}/jobs',
      'api/v1/service/{service}/jobs/{jobId}',
      'api/v1/service/{service}/jobs/{jobId}/cancel',
      'api/v1/service/{service}/jobs/{jobId}/output',
      'api/v1/service/{service}/score',
      'api/v1/service/{service}/swagger.json',
      'api/v1/service/{service}/v2/{*rest}',
      'docs',
      'docs/{file}',
      'eventGridTrigger',
      'health/live',
      'health/ready',
      'metrics',
      'score',
      'scoring-job-chunk',
      'scoring-job-chunk-poison',
      'scoring-job-finish',
      'scoring-job-finish-poison',
      'scoring-job-split',
      'scoring-job-split-poison',
      'scoring-jobs',
      'scoring-jobs-poison',
      'swagger.json',
      'timerTrigger',
      'v2/{*rest}',
      '{first}/{*rest}',
    ])
  })

  it('scores the published rows through the HTTP stream', async () => {
    const { status, headers, body } = await score(await readFile('models/diabetes/sample.json', 'utf8'))
    assert.deepEqual([status, body], [200, '[217.67978776218715, 224.78937091757172]'])
    assert.equal(headers['content-type'], 'application/json')
    assert.equal(headers['x-ms-run-function-failed'], 'False')
    assert.deepEqual(loadedBundles(), ['app.cjs', 'functions.cjs']) // what jobs need would make the first score wait
  })

  it('scores tensors of the Open Inference Protocol, below every path that the host gives', async () => {
    const row = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8')).data[0]
    const shape = [1, row.length]
    const call = async (name: string, path: string, params: Record<string, string>, body?: string) => {
      const headers = { authorization: `Bearer ${await keyOf('diabetes')}` }
      const { status, body: answer } = await worker.invoke(name, {
        method: body ? 'POST' : 'GET',
        path,
        params,
        headers,
        body,
      })
      return { status, answer: JSON.parse(answer) }
    }
    const { answer: described } = await call('open-inference', '/v2/models/diabetes', { rest: 'models/diabetes' })
    const [{ name, datatype }] = described.inputs
    const request = JSON.stringify({ inputs: [{ name, datatype, shape, data: row }] })
    const rest = 'models/diabetes/infer'
    const all = await call('open-inference', `/v2/${rest}`, { rest }, request)
    const scoped = { service: 'diabetes', rest }
    const one = await call('open-inference-service', `/api/v1/service/diabetes/v2/${rest}`, scoped, request)
    const [expected] = JSON.parse((await score(JSON.stringify({ data: [row] }))).body)
    assert.deepEqual([all.status, all.answer.outputs[0].data], [200, [expected].flat()])
    assert.deepEqual(one, all)
    assert.deepEqual((await call('open-inference', '/v2', {})).status, 200)
  })

  it('serves the interactive page and its files, which stand beside the bundle', async () => {
    const params = { service: 'diabetes', file: 'swagger-ui.css' }
    const path = '/api/v1/service/diabetes/docs'
    const page = await worker.invoke('docs', { method: 'GET', path, params })
    assert.match(page.body, /<title>diabetes/)
    const [link = ''] = /docs\/swagger-ui\.css\?v=\w+/.exec(page.body) ?? []
    const style = await worker.invoke('docs-file', { method: 'GET', path: `/api/v1/service/diabetes/${link}`, params })
    assert.equal(style.status, 200)
    assert.match(String(style.headers['cache-control']), /immutable/)
    assert.equal(style.body, await readFile('node_modules/swagger-ui-dist/swagger-ui.css', 'utf8'))
    const headers = { 'if-none-match': String(style.headers.etag) }
    const again = await worker.invoke('docs-file', { method: 'GET', path: `${path}/swagger-ui.css`, params, headers })
    assert.deepEqual([again.status, again.body], [304, ''])
  })

  it("counts wrong keys by the address that Azure's front end adds, whatever the client writes before it", async () => {
    const tryKey = (key: string, forwardedFor: string) =>
      worker.invoke('score', {
        method: 'POST',
        path: '/api/v1/service/diabetes/score',
        params: { service: 'diabetes' },
        headers: { authorization: `Bearer ${key}`, 'x-forwarded-for': forwardedFor },
      })
    for (let n = 0; n < 20; n++) assert.equal((await tryKey('wrong', `192.0.2.${n}, 203.0.113.7:${n}`)).status, 401)
    const { status, headers } = await tryKey('wrong', '192.0.2.21, 203.0.113.7:61598')
    assert.equal(headers['strict-transport-security'], 'max-age=31536000; includeSubDomains')
    assert.equal(headers['cache-control'], 'no-store')
    assert.deepEqual([status, Number(headers['retry-after']) > 0], [429, true])
    assert.equal((await tryKey('wrong', '203.0.113.7:1, 203.0.113.8:1')).status, 401)
    assert.equal((await tryKey('a, Bearer b', '203.0.113.7:1')).status, 401) // how its host joins two headers
  })

  it('answers from every handler, whatever is sent', async () => {
    assert.equal((await score('nonsense')).status, 400)
    assert.equal((await score('{}', 'nobody')).status, 404)
    const service = 'diabetes'
    for (const [name, { metadata }] of worker.functions) {
      if (!Object.values(metadata.bindings).some(({ type }) => type === 'httpTrigger')) continue
      for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE', 'PATCH']) {
        const { status } = await worker.invoke(name, {
          method,
          path: '/x',
          params: { service },
          body: method === 'POST' ? '{' : undefined,
        })
        assert.ok([200, 401, 404, 405].includes(status), `${method} ${name}: ${status}`)
      }
    }
  })

  it('scores a job whose messages the host delivers', async () => {
    const { data } = JSON.parse(await readFile('models/diabetes/sample.json', 'utf8'))
    const order = { service: 'diabetes', input: { rows: data } }
    await worker.deliver('job-submitted', order, { id: 'm-1', dequeueCount: 1 })
    const functions = {
      'scoring-job-split': 'job-split',
      'scoring-job-chunk': 'job-chunk',
      'scoring-job-finish': 'job-finish',
    }
    const queues = QueueServiceClient.fromConnectionString(storage)
    const statusOf = async () => {
      const { body } = await worker.invoke('job', {
        method: 'GET',
        path: '/api/v1/service/diabetes/jobs/message-m-1',
        params: { service: 'diabetes', jobId: 'message-m-1' },
        headers: { authorization: `Bearer ${await keyOf('diabetes')}` },
      })
      return JSON.parse(body)
    }
    while ((await statusOf()).status !== 'Completed') {
      for (const [queueName, name] of Object.entries(functions)) {
        const queue = queues.getQueueClient(queueName)
        await queue.createIfNotExists()
        for (const { messageText, messageId, popReceipt, dequeueCount } of (await queue.receiveMessages())
          .receivedMessageItems) {
          await worker.deliver(name, JSON.parse(messageText), { id: messageId, dequeueCount })
          await queue.deleteMessage(messageId, popReceipt)
        }
      }
    }
    assert.deepEqual((await statusOf()).progress, {
      rows: 2,
      succeeded: 2,
      failed: 0,
      chunks: 1,
      chunksDone: 1,
      percent: 100,
    })
    await worker.deliver('sweep', { isPastDue: false })
    const form = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n[1]\n[2]\n\r\n--b--\r\n'
    for (const [contentType, body] of [
      ['application/jsonl', '[1]\n'.repeat(100_000)],
      ['multipart/form-data; boundary=b', form],
    ] as const) {
      const authorization = `Bearer ${await keyOf('diabetes')}`
      const headers = { authorization, 'content-type': contentType }
      const path = '/api/v1/service/diabetes/jobs'
      const sent = await worker.invoke('jobs', { method: 'POST', path, params: { service: 'diabetes' }, headers, body })
      assert.equal(sent.status, 202, sent.body)
    }
    assert.deepEqual(loadedBundles(), ['app.cjs', 'functions.cjs', 'jobs.cjs', 'storage.cjs'])
  })

  it('passes over events while the keys are in no vault', async () => {
    const topic = '/subscriptions/0/resourceGroups/a/providers/Microsoft.KeyVault/vaults/my-vault'
    const data = { objectType: 'Secret', objectName: 'diabetes-primary-key' }
    await worker.deliver('key-rotated', { topic, eventType: 'Microsoft.KeyVault.SecretNewVersionCreated', data })
    await worker.deliver('key-rotated', { eventType: 'Contoso.Items.ItemReceived' })
  })
})
