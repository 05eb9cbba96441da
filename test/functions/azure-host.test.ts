import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type AzureHost, startAzureHost } from '../support/azure-host-process.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { makeLinkedProject } from '../support/linked-project.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'

/** Notes each run in a file, and ends it once another file is there. */
const held = `
  import { appendFileSync, existsSync } from 'node:fs'
  export const init = () => {}
  export const run = async text => {
    const { log, release } = JSON.parse(text)
    appendFileSync(log, 'run ')
    while (!existsSync(release)) await new Promise(next => setTimeout(next, 5))
    return 'released'
  }`

interface HeldProject extends AzureHost {
  /** Lets the script `held` answer. */
  release(): Promise<void>
  /** `run ` for each run of that script. */
  runs(): Promise<string>
  score(service: string, init?: RequestInit): Promise<Response>
}

async function startProject(test: Cleaner): Promise<HeldProject> {
  const folder = await mkdtemp(join(tmpdir(), 'held-'))
  test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
  const [log, release] = [join(folder, 'log'), join(folder, 'release')]
  await appendFile(log, '')
  const root = await makeLinkedProject(test, {
    'models/held/service.json': { entryScript: 'score.js', auth: { mode: 'none' } },
    'models/held/score.js': held,
    'functions/zebra.mjs': `
      import { app } from '@azure/functions'
      app.http('zebra', { route: 'zoo/{animal}', handler: async ({ params }) => ({ body: params.animal }) })`,
  })
  const environment = {
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    SCORING_MAX_THREADS: '1',
    SCORING_WATCH: 'off',
    SCORING_DEFAULT_SERVICE: 'sut',
  }
  const host = await startAzureHost(test, root, { environment })
  return {
    ...host,
    release: () => writeFile(release, ''),
    runs: () => readFile(log, 'utf8'),
    score: (service, init) =>
      fetch(`${host.url}/api/v1/service/${service}/score`, {
        method: 'POST',
        body: JSON.stringify({ log, release }),
        ...init,
        headers: { 'content-type': 'application/json', ...init?.headers },
      }),
  }
}

describe("the app behind Azure's host", () => {
  const cleanUps: (() => unknown)[] = []
  let host: HeldProject
  beforeAll(async () => {
    host = await startProject({ onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it('is warm when the host has asked for it', async () => {
    assert.equal((await fetch(`${host.url}/admin/warmup`)).status, 200)
    const { services } = (await (await fetch(`${host.url}/health/ready`)).json()) as {
      services: Record<string, { status: string }>
    }
    assert.deepEqual([services.sut?.status, services.held?.status], ['ready', 'ready'])
  })

  it('has every route, whatever the names of functions are', async () => {
    const statusOf = async (path: string, method = 'GET') => (await fetch(`${host.url}${path}`, { method })).status
    for (const path of ['/', '/health/live', '/health/ready', '/metrics', '/docs', '/docs/swagger-ui.css'])
      assert.equal(await statusOf(path), 200, path)
    for (const path of ['', '/docs', '/docs/swagger-ui.css', '/swagger.json'])
      assert.equal(await statusOf(`/api/v1/service/sut${path}`), 200, path)
    assert.equal((await host.score('sut')).status, 200)
    assert.equal(await statusOf('/api/v1/service/sut/jobs'), 503) // without a storage
    assert.equal(await (await fetch(`${host.url}/zoo/zebra`)).text(), 'zebra')
    for (const path of ['/unknown', '/api/v1/unknown', '/admin/warm', '/zoo'])
      assert.equal(await statusOf(path), 404, path)
    const unknown = (await (await fetch(`${host.url}/unknown`)).json()) as { code: string }
    assert.equal(unknown.code, 'PATH_UNKNOWN')
  })

  it('answers with the length of a body', async () => {
    const { headers } = await host.score('sut', { body: 'größe' })
    assert.equal(headers.get('content-length'), String('"scored gr\\u00f6\\u00dfe"'.length)) // as Python writes it
    assert.equal((await fetch(`${host.url}/unknown`)).headers.get('transfer-encoding'), null)
    const { status, headers: ofHead } = await fetch(`${host.url}/health/live`, { method: 'HEAD' })
    assert.deepEqual([status, ofHead.get('content-length')], [200, null])
  })

  it.each([8_000, 17_000, 30_000])('takes a header of %i bytes', async length => {
    const { status } = await host.score('sut', { headers: { 'x-big': 'b'.repeat(length) } })
    assert.equal(status, 200)
  })

  it('does not run requests whose callers have left', async () => {
    const first = host.score('held')
    while ((await host.runs()) !== 'run ') await delay(5)
    const queued = async () => {
      const { services } = (await (await fetch(`${host.url}/health/ready`)).json()) as {
        services: Record<string, { queued?: number }>
      }
      return services.held?.queued ?? 0
    }
    const leaving = new AbortController()
    const left = Array.from({ length: 5 }, () => host.score('held', { signal: leaving.signal }).catch(() => 'left'))
    while ((await queued()) < 5) await delay(5)
    const last = host.score('held')
    while ((await queued()) < 6) await delay(5)
    leaving.abort()
    assert.deepEqual(await Promise.all(left), Array(5).fill('left'))
    await delay(200) // the ends of their connections are on the way to the host
    await host.release()
    assert.deepEqual([(await first).status, (await last).status], [200, 200])
    assert.equal(await host.runs(), 'run run ')
    const page = new PrometheusPage(await (await fetch(`${host.url}/metrics`)).text())
    const labels = { scoring_service: 'held', scoring_reason: 'abandoned' }
    assert.equal(page.valueOf('scoring_queue_dropped_total', labels), 5)
  })
})

describe("the app when Azure's host ends", () => {
  it('answers requests under way, and leaves none of them waiting', async test => {
    const host = await startProject(test)
    const answer = host.score('held', { headers: { 'x-big': 'b'.repeat(20_000) } })
    while ((await host.runs()) !== 'run ') await delay(5)
    const ended = host.stop()
    await host.release()
    assert.equal((await answer).status, 200)
    assert.equal(await ended, 0)
  })
})
