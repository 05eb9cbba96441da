/** Services in Blob storage: one Azurite, and hosts that look for changes in it. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { openRepository } from '../../src/adapters/azure/open-repository.ts'
import { ModelRegistry } from '../../src/models/repository/model-registry.ts'
import type { RepositoryFiles } from '../../src/models/repository/repository-files.ts'
import { ServiceRegistry } from '../../src/models/repository/service-registry.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { framed, GrpcConnection, inferRequest } from '../support/grpc-calls.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { scalingModel } from '../support/scaling-model.ts'

const body = '{"data": [[1, 2]]}'
const scaled = (factor: number) => `[[${factor}.0, ${2 * factor}.0]]`

const cleanUps: (() => unknown)[] = []
const cleaner = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

async function until<T>(read: () => Promise<T | undefined | false>, what: string): Promise<T> {
  for (let looks = 0; looks < 1500; looks++) {
    const found = await read()
    if (found) return found
    await delay(40)
  }
  throw new Error(`still not: ${what}`)
}

interface Ready {
  status: string
  services: Record<
    string,
    {
      status: string
      version?: string
      reason?: string
      rejectedChange?: { reason: string; since: string }
      deployments?: Record<string, { weight: number; version: string }>
    }
  >
}
const readReady = async ({ url }: RunningApp) => (await (await fetch(`${url}/health/ready`)).json()) as Ready
const serves = (app: RunningApp, name: string, version: string) =>
  until(async () => (await readReady(app)).services[name]?.version === version, `${name} in version ${version}`)

describe('services in Blob storage', () => {
  let files: RepositoryFiles
  let registry: ModelRegistry
  let services: ServiceRegistry
  let app: RunningApp
  let other: RunningApp
  let cache: string
  const register = (name: string, factor: number) =>
    registry.register(name, { files: { 'model.onnx': scalingModel(factor) } })

  beforeAll(async () => {
    const connectionString = await startStorage(cleaner)
    const storage = { connectionString, isDevelopment: true }
    files = await openRepository('blob:models/team-a', storage)
    registry = new ModelRegistry({ files, now: () => new Date() })
    services = new ServiceRegistry(files)
    for (const name of ['plain', 'split', 'scripted', 'broken', 'lazy-one', 'lazy-two', 'gone']) {
      await register(name, 2)
      await services.put(name, { definition: name.startsWith('lazy') ? { load: 'onDemand' } : {} })
    }
    cache = await mkdtemp(join(tmpdir(), 'model-cache-'))
    cleaner.onTestFinished(() => rm(cache, { recursive: true, force: true }))
    const environment = {
      AzureWebJobsStorage: connectionString,
      SCORING_MODELS: 'blob:models/team-a',
      SCORING_POLL_MS: '200',
      SCORING_LOG: 'off',
      SCORING_MODEL_CACHE: join(cache, 'shared'),
      SCORING_MAX_LOADED: '1',
    }
    ;[app, other] = await Promise.all([runApp(cleaner, {}, environment), runApp(cleaner, {}, environment)])
    await Promise.all([app.settled(), other.settled()])
  })

  const score = async (service: string, headers: Record<string, string> = {}, from = app) => {
    const response = await from.score(service, body, headers)
    const { headers: received } = response
    return {
      status: response.status,
      answer: await response.text(),
      version: received.get('x-scoring-model-version'),
      deployment: received.get('azureml-model-deployment'),
    }
  }

  it('are served by all hosts, which see a new version, and the old one ends without a failed request', async () => {
    const factors: Record<string, number> = { 1: 2, 2: 3, 3: 5, 4: 7 }
    let isOver = false
    let count = 0
    const callers = Array.from({ length: 8 }, async (_, index) => {
      while (!isOver) {
        const { status, answer, version } = await score('plain', {}, index % 2 === 0 ? app : other)
        assert.equal(status, 200, answer)
        assert.equal(answer, scaled(factors[version ?? ''] ?? 0))
        count++
        await delay(10)
      }
    })
    for (const factor of [3, 5, 7]) {
      const { version } = await register('plain', factor)
      await Promise.all([serves(app, 'plain', String(version)), serves(other, 'plain', String(version))])
    }
    isOver = true
    await Promise.all(callers)
    assert.ok(count > 0)
    assert.deepEqual(await score('plain'), {
      status: 200,
      answer: scaled(7),
      version: '4',
      deployment: null,
    })
    // One copy of each file, whatever hosts and versions there are, and the folders of versions that have ended are gone.
    const opened = await readdir(join(cache, 'shared/opened'))
    assert.equal(opened.length, 2)
  })

  it('go on as they were where a change does not load, and say so', async () => {
    const rejected = () => until(async () => (await readReady(app)).services.broken?.rejectedChange, 'rejected')
    await registry.register('broken', { files: { 'model.onnx': scalingModel(3).subarray(0, 40) } })
    assert.match((await rejected()).reason, /40 bytes of its file are no whole ONNX model/)
    assert.deepEqual(await score('broken'), { status: 200, answer: scaled(2), version: '1', deployment: null })
    const ready = await fetch(`${app.url}/health/ready`)
    assert.equal(ready.status, 200)
    const metrics = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
    assert.equal(metrics.valueOf('scoring_service_outdated', { scoring_service: 'broken' }), 1)
    assert.equal(
      metrics.valueOf('scoring_service_changes_total', { scoring_service: 'broken', scoring_reason: 'rejected' }),
      1,
    )
    // A person overwrites a file of a registered version, which then has another digest.
    await registry.delete('broken', 2)
    const third = await register('broken', 5)
    await serves(app, 'broken', '3')
    await files.remove('broken/3/model.onnx')
    await files.create('broken/3/model.onnx', () => [scalingModel(9)])
    await until(
      async () => /SHA-256/.test((await readReady(app)).services.broken?.rejectedChange?.reason ?? ''),
      'digest',
    )
    assert.equal((await score('broken')).answer, scaled(5))
    assert.equal(third.version, 3)
    await register('broken', 7)
    await serves(app, 'broken', '4')
    assert.equal((await readReady(app)).services.broken?.rejectedChange, undefined)
    // A script whose init throws.
    const script = 'export const init = () => { throw new Error("no such table") }\nexport const run = () => 1'
    await services.put('broken', { definition: { entryScript: 'score.ts' }, files: { 'score.ts': script } })
    assert.match((await rejected()).reason, /no such table/)
    assert.equal((await score('broken')).answer, scaled(7))
  })

  it('have scripts, which change with service.json as one', async () => {
    const put = (answer: string, more: object = {}) =>
      services.put('scripted', {
        definition: { entryScript: 'score.ts', ...more },
        files: {
          'score.ts': `import { answer } from './answer.ts'\nexport const init = () => {}\nexport const run = () => answer`,
          'answer.ts': `export const answer = '${answer}'`,
        },
      })
    for (const answer of ['first', 'second']) {
      await put(answer)
      await until(async () => (await score('scripted')).answer === `"${answer}"`, answer)
    }
  })

  it('share their requests among deployments by weight, header and cookie, without a new worker for new weights', async () => {
    await register('split', 3)
    const deployments = (blue: number, green: number, more: object = {}) => ({
      definition: {
        deployments: { blue: { version: 1, weight: blue }, green: { version: 2, weight: green, ...more } },
        traffic: { stickyHeader: 'x-user' },
      },
    })
    const weights = async (blue: number) => {
      for (const host of [app, other])
        await until(async () => (await readReady(host)).services.split?.deployments?.blue?.weight === blue, `${blue}`)
    }
    await services.put('split', deployments(100, 0))
    await weights(100)
    assert.deepEqual(await score('split'), { status: 200, answer: scaled(2), version: '1', deployment: 'blue' })
    assert.deepEqual(await score('split', { 'azureml-model-deployment': 'green' }), {
      status: 200,
      answer: scaled(3),
      version: '2',
      deployment: 'green',
    })
    const unknown = await score('split', { 'azureml-model-deployment': 'red' })
    assert.equal(unknown.status, 404)
    assert.deepEqual(JSON.parse(unknown.answer), {
      message: 'There is no deployment "red"; there are: blue, green',
      code: 'DEPLOYMENT_UNKNOWN',
    })
    // What is wrong with the request itself comes first, whichever protocol.
    const red = { 'azureml-model-deployment': 'red', authorization: `Bearer ${await app.keyOf('split')}` }
    for (const path of ['/api/v1/service/split/score', '/v2/models/split/infer']) {
      const ask = async (method: string, headers: Record<string, string> = {}) => {
        const response = await fetch(`${app.url}${path}`, { method, headers: { ...red, ...headers } })
        return [response.status, ((await response.json()) as { code: string }).code]
      }
      assert.deepEqual(await ask('PUT'), [405, 'METHOD_NOT_ALLOWED'])
      assert.deepEqual(await ask('POST', { 'x-request-id': 'i'.repeat(101) }), [431, 'REQUEST_ID_TOO_LONG'])
      assert.deepEqual(await ask('POST'), [404, 'DEPLOYMENT_UNKNOWN'])
    }
    const anonymous = await fetch(`${app.url}/api/v1/service/split/score`, {
      method: 'POST',
      headers: { 'azureml-model-deployment': 'red' },
    })
    assert.equal(anonymous.status, 401)

    const origin = 'https://page.example'
    const { definition } = deployments(0, 0)
    await services.put('split', { definition: { ...definition, cors: { origins: [origin] } } })
    await weights(0)
    const preflight = { origin, 'access-control-request-method': 'POST' }
    for (const path of ['/api/v1/service/split/score', '/v2/models/split/infer']) {
      const response = await fetch(`${app.url}${path}`, { method: 'OPTIONS', headers: preflight })
      assert.deepEqual([response.status, response.headers.get('access-control-allow-origin')], [200, origin], path)
    }
    const refused = await app.score('split', body, { origin })
    assert.deepEqual([refused.status, refused.headers.get('access-control-allow-origin')], [404, origin])
    const shown = await app.score('split', body, { origin, 'azureml-model-deployment': 'blue' })
    assert.match(shown.headers.get('access-control-expose-headers') ?? '', /azureml-model-deployment/)

    await services.put('split', deployments(50, 50))
    await weights(50)
    const answers = await Promise.all(Array.from({ length: 60 }, () => score('split')))
    assert.deepEqual([...new Set(answers.map(({ deployment }) => deployment))].sort(), ['blue', 'green'])
    for (const { answer, deployment } of answers) assert.equal(answer, scaled(deployment === 'blue' ? 2 : 3))
    for (const user of ['ada', 'grace', 'edsger']) {
      const same = await Promise.all([app, other, app, other].map(from => score('split', { 'x-user': user }, from)))
      assert.equal(new Set(same.map(({ deployment }) => deployment)).size, 1)
    }
    const loads = app.output().match(/\[split\] ready after/g)?.length
    await services.put('split', deployments(0, 100, { mirror: 0 }))
    await weights(0)
    assert.equal((await score('split')).deployment, 'green')
    assert.equal(app.output().match(/\[split\] ready after/g)?.length, loads)

    const v2 = async (version: string) => {
      const response = await fetch(`${app.url}/v2/models/split/versions/${version}/infer`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await app.keyOf('split')}` },
        body: JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] }),
      })
      return (await response.json()) as { model_version: string; outputs: { data: number[] }[] }
    }
    for (const [version, factor] of [
      ['1', 2],
      ['2', 3],
    ] as const) {
      const { model_version, outputs } = await v2(version)
      assert.deepEqual([model_version, outputs[0]?.data], [version, [factor, 2 * factor]])
    }
    const connection = new GrpcConnection(cleaner, app.url)
    const grpc = (headers: Record<string, string>) =>
      connection.call(
        '/inference.GRPCInferenceService/ModelInfer',
        { authorization: `Bearer ${key}`, ...headers },
        framed(inferRequest([1, 2], { model: 'split', input: 'x', shape: [1, 2] })),
      )
    const key = await app.keyOf('split')
    const blue = await grpc({ 'azureml-model-deployment': 'blue' })
    assert.equal(blue.headers['azureml-model-deployment'], 'blue')
    assert.equal((await grpc({})).headers['azureml-model-deployment'], 'green')
    assert.equal((await grpc({ 'azureml-model-deployment': 'red' })).trailers['grpc-status'], '5') // NOT_FOUND
    const metrics = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
    const labels = {
      scoring_service: 'split',
      scoring_deployment: 'green',
      scoring_protocol: 'open-inference',
      http_response_status_code: '200',
    }
    assert.equal(metrics.valueOf('scoring_requests_total', labels), 1)
  })

  it('mirror requests, whose answers are compared and not sent', async () => {
    const at = (mirror: number) => ({
      definition: { deployments: { blue: { version: 1, weight: 100 }, green: { version: 2, weight: 0, mirror } } },
    })
    await services.put('split', at(100))
    const mirrored = async () => {
      const metrics = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
      const labels = { scoring_service: 'split', scoring_deployment: 'green', scoring_reason: 'different' }
      return metrics.valueOf('scoring_mirror_answers_total', labels)
    }
    let sent = 0
    const different = await until(async () => {
      const { answer, deployment } = await score('split')
      sent++
      if (deployment === 'blue') assert.equal(answer, scaled(2))
      return mirrored().catch(() => undefined)
    }, 'a comparison')
    assert.ok(different >= 1 && different <= sent)
  })

  it('load with their first request, and make room for others', async () => {
    const { services: states } = await readReady(app)
    assert.equal(states['lazy-one']?.status, 'idle')
    assert.equal((await fetch(`${app.url}/api/v1/service/lazy-one`)).status, 200)
    for (const name of ['lazy-one', 'lazy-two', 'lazy-one'])
      assert.deepEqual(await score(name), { status: 200, answer: scaled(2), version: '1', deployment: null })
    assert.equal((await readReady(app)).services['lazy-two']?.status, 'idle')
    assert.match(app.output(), /\[lazy-one\] unloaded: 1 others were used later \(SCORING_MAX_LOADED\)/)
    const metrics = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
    const unloads = { scoring_service: 'lazy-one', scoring_reason: 'count' }
    assert.equal(metrics.valueOf('scoring_service_unloads_total', unloads), 1)
  })

  it('have no triggers, and are not served where they ask for keys of Azure Functions', async () => {
    const queue = { input: 'plain-in', output: 'plain-out' }
    await services.put('gone', { definition: { triggers: { queue } } })
    await until(async () => /\[gone\] the trigger "queue" does not run: keep this/.test(app.output()), 'a line')
    await services.put('gone', { definition: { triggers: { http: { authLevel: 'function' } } } })
    const rejected = await until(async () => (await readReady(app)).services.gone?.rejectedChange, 'a rejected change')
    assert.match(rejected.reason, /gone\/service\.json: triggers\.http\.authLevel: is "function", and the routes ask/)
    await services.put('gone', { definition: {} })
    await until(async () => !(await readReady(app)).services.gone?.rejectedChange, 'a change that loads')
  })

  it('end when they are deleted', async () => {
    assert.equal((await score('gone')).status, 200)
    await services.delete('gone')
    await until(async () => (await score('gone')).status === 404, 'gone')
  })

  it('are there after a host was killed while it changed to a new version', async () => {
    await register('gone', 3)
    await services.put('gone', { definition: {} })
    await delay(300 * Math.random())
    other.process.kill('SIGKILL')
    await new Promise(ended => other.process.once('exit', ended))
    other = await other.restart()
    await other.settled()
    assert.deepEqual((await score('gone', {}, other)).answer, scaled(3))
    const opened = await readdir(join(cache, 'shared/opened'))
    assert.equal(opened.length, 2) // what the killed one had opened is removed
  })

  it('are read again when a copy on disk is damaged', async () => {
    const root = join(cache, 'shared/files')
    for (const folder of await readdir(root)) {
      for (const name of await readdir(join(root, folder))) {
        await rm(join(root, folder, name)) // not the file that services link to
        await writeFile(join(root, folder, name), 'damaged')
      }
    }
    await services.put('plain', { definition: { description: 'again' } })
    await until(async () => /\[plain\] service\.json changed: version 4 ready/.test(app.output()), 'loaded again')
    assert.equal((await score('plain')).answer, scaled(7))
    assert.match(app.output() + other.output(), /the copy of plain\/4\/model\.onnx was damaged, and is read again/)
  })
})
