import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { SchedulerActivity } from '../../src/workers/pool/service-scheduler.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

const services = {
  'good/service.json': {},
  'good/1/model.onnx': identityModel('float32'),
  'moody/service.json': { entryScript: 'score.js', limits: { timeoutMs: 4000 } },
  'moody/score.js': `
    export const init = () => {}
    export const run = text => {
      if (text === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      if (text === 'die') process.exit(3)
      return text
    }`,
}

async function pageOf(app: RunningApp, headers: Record<string, string> = {}): Promise<PrometheusPage> {
  const response = await fetch(`${app.url}/metrics`, { headers })
  assert.equal(response.status, 200)
  return new PrometheusPage(await response.text())
}

/** A request may be told of its timeout before its thread has ended: waits until every service has its one thread again. */
async function rested(app: RunningApp): Promise<Record<string, SchedulerActivity>> {
  for (;;) {
    const services = (await app.settled()) as unknown as Record<string, SchedulerActivity>
    const isAtRest = ({ threads: { loading, idle, busy, ended } }: SchedulerActivity) =>
      idle === 1 && !loading && !busy && !ended
    if (Object.values(services).every(isAtRest)) return services
  }
}

const requests = 'scoring_requests_total'
const good = { scoring_service: 'good' }
const moody = { scoring_service: 'moody' }

describe('GET /metrics', () => {
  it('adds up after requests that are answered, refused, too late or fatal to their thread', async test => {
    const app = await runApp(test, services)
    await app.settled()
    for (let sent = 0; sent < 5; sent++)
      assert.equal((await app.score('good', '{"data": [[1, 2], [3, 4]]}')).status, 200)
    for (let sent = 0; sent < 3; sent++) assert.equal((await app.score('good', '{"data": [["x", 1]]}')).status, 400)
    assert.equal((await app.score('good', '{}', { authorization: 'Bearer wrong' })).status, 401)
    for (let sent = 0; sent < 2; sent++) {
      assert.equal((await app.score('moody', 'hang')).status, 504)
      await rested(app)
    }
    assert.equal((await app.score('moody', 'die')).status, 500)
    await rested(app)
    assert.equal((await app.score('moody', 'well')).status, 200)
    assert.equal((await fetch(`${app.url}/api/v1/service/nobody/score`)).status, 404)

    const ready = await rested(app)
    const page = await pageOf(app)
    const azureml = { scoring_protocol: 'azureml' }
    const counted = (labels: object) => page.valueOf(requests, { ...azureml, ...labels })
    const error = (status: number, code: string) => ({ http_response_status_code: `${status}`, error_type: code })
    assert.equal(counted({ ...good, http_response_status_code: '200' }), 5)
    assert.equal(counted({ ...good, ...error(400, 'INPUT_TYPE_MISMATCH') }), 3)
    assert.equal(counted({ ...good, ...error(401, 'BEARER_REJECTED') }), 1)
    assert.equal(counted({ ...moody, ...error(504, 'SCORING_TIMEOUT') }), 2)
    assert.equal(counted({ ...moody, ...error(500, 'ENTRY_SCRIPT_ENDED_THREAD') }), 1)
    assert.equal(counted({ ...moody, http_response_status_code: '200' }), 1)
    assert.equal(page.totalOf(requests), 13)

    assert.equal(page.valueOf('scoring_request_duration_seconds_count', { ...good, ...azureml }), 9)
    assert.equal(page.valueOf('scoring_queue_wait_seconds_count', good), 8)
    assert.equal(page.valueOf('scoring_run_duration_seconds_count', good), 5)
    assert.equal(page.valueOf('scoring_batch_rows_sum', good), 10)
    assert.equal(page.valueOf('scoring_batch_requests_sum', good), 5)
    assert.equal(page.valueOf('scoring_decode_duration_seconds_count', good), 5)
    assert.equal(page.valueOf('scoring_run_duration_seconds_count', moody), 1)

    const restarts = (reason: string) =>
      page.valueOf('scoring_thread_restarts_total', { ...moody, scoring_reason: reason })
    assert.deepEqual([restarts('timeout'), restarts('crash'), restarts('memory')], [2, 2, 0]) // one that crashes is tried again, alone
    assert.equal(page.valueOf('scoring_service_ready', good), 1)
    assert.equal(page.valueOf('scoring_service_info', { ...good, scoring_execution_provider: 'cpu' }), 1)
    assert.equal(page.valueOf('scoring_queue_depth', good), 0)
    assert.equal(page.valueOf('scoring_runs_given_up', moody), 0)
    assert.equal(page.valueOf('scoring_threads', { ...good, scoring_thread_state: 'idle' }), 1)
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_start_time_seconds'])
      assert.ok((page.valueOf(name) ?? 0) > 0, name)

    const { queued, threads, restarts: count, lastRestart } = ready.moody as SchedulerActivity
    assert.deepEqual([queued, threads, count], [0, { loading: 0, idle: 1, busy: 0, ended: 0 }, 4])
    assert.equal(lastRestart?.reason, 'crash')
    assert.ok(Date.parse(lastRestart?.at ?? '') > 0)
    assert.equal(ready.good?.restarts, 0)
  })

  it('counts requests that shared a run once each, and the run once', async test => {
    const app = await runApp(test, services)
    await app.settled()
    const answers = await Promise.all(Array.from({ length: 40 }, () => app.score('good', '{"data": [[1, 2]]}')))
    assert.ok(answers.every(({ status }) => status === 200))
    const page = await pageOf(app)
    assert.equal(page.valueOf('scoring_batch_requests_sum', good), 40)
    assert.equal(page.valueOf('scoring_batch_rows_sum', good), 40)
    assert.equal(
      page.valueOf('scoring_run_duration_seconds_count', good),
      page.valueOf('scoring_batch_requests_count', good),
    )
    assert.equal(page.valueOf('scoring_queue_wait_seconds_count', good), 40)
  })

  it('is in the format and media type that Prometheus asks for, compressed where it asks for that', async test => {
    const app = await runApp(test, services)
    const response = await fetch(`${app.url}/metrics`, { headers: { 'accept-encoding': 'gzip' } })
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    assert.equal(response.headers.get('content-encoding'), 'gzip')
    new PrometheusPage(await response.text())
    assert.equal((await fetch(`${app.url}/metrics`, { method: 'POST' })).status, 405)
  })

  it('holds no key, and nothing that a caller sent', async test => {
    const app = await runApp(test, services)
    await app.settled()
    const text = '{"data": [[4711.25]]} sentinel'
    await app.score('good', text, { 'x-request-id': 'sentinel', 'content-type': 'text/sentinel' })
    const authorization = 'Bearer sentinel'
    await app.score('good', text, { authorization })
    await fetch(`${app.url}/api/v1/service/sentinel/score`, { method: 'POST', body: text, headers: { authorization } })
    const page = await (await fetch(`${app.url}/metrics`)).text()
    assert.doesNotMatch(page, /sentinel|4711/)
    assert.ok(!page.includes(await app.keyOf('good')))
  })

  it('is a path like any other that there is not, when it is off', async test => {
    const app = await runApp(test, services, { SCORING_METRICS: 'off' })
    const [metrics, unknown] = await Promise.all([fetch(`${app.url}/metrics`), fetch(`${app.url}/metricz`)])
    assert.equal(metrics.status, 404)
    assert.equal(await metrics.text(), await unknown.text())
    assert.deepEqual([...metrics.headers.keys()], [...unknown.headers.keys()])
  })

  it('shows a service to a caller that has its key, when it is on', async test => {
    const app = await runApp(test, services, { SCORING_METRICS: 'on' })
    const authorization = `Bearer ${await app.keyOf('good')}`
    const page = await pageOf(app, { authorization })
    assert.equal(page.valueOf('scoring_queue_depth', good), 0)
    assert.equal(page.valueOf('scoring_queue_depth', moody), undefined)
    assert.ok(page.valueOf('process_cpu_seconds_total'))
    for (const [headers, challenge] of [
      [{}, 'Bearer realm="metrics"'],
      [{ authorization: 'Bearer wrong' }, 'Bearer realm="metrics", error="invalid_token"'],
    ] as [Record<string, string>, string][]) {
      const refusal = await fetch(`${app.url}/metrics`, { headers })
      assert.deepEqual([refusal.status, refusal.headers.get('www-authenticate')], [401, challenge])
      assert.doesNotMatch(await refusal.text(), /good|moody/)
    }
  })
})

describe('Server-Timing', () => {
  // W3C Server Timing, section 3: name;dur=milliseconds, separated by commas.
  const metric = /^(\w+);dur=(\d+(?:\.\d+)?)$/
  const timesOf = (response: Response): Record<string, string> =>
    Object.fromEntries(
      (response.headers.get('server-timing') ?? '').split(', ').map(each => metric.exec(each)?.slice(1) ?? [each]),
    )

  it('tells on an answer where its time went, and to pages of listed origins', async test => {
    const cors = { origins: ['https://page.example'] }
    const app = await runApp(test, { ...services, 'good/service.json': { cors } })
    await app.settled()
    await app.score('good', '{"data": [[1, 2]]}') // the first answer tells of the start as well
    const startedAt = performance.now()
    const response = await app.score('good', '{"data": [[1, 2]]}', { origin: 'https://page.example' })
    const elapsedMs = performance.now() - startedAt
    const times = timesOf(response)
    assert.deepEqual(Object.keys(times), ['queue', 'batch', 'decode', 'run', 'encode'])
    const sum = Object.values(times).reduce((total, ms) => total + Number(ms), 0)
    assert.ok(sum > 0 && sum <= elapsedMs, `${sum} of ${elapsedMs} ms`)
    assert.equal(Number(times.run).toFixed(2), Number(response.headers.get('x-ms-run-fn-exec-ms')).toFixed(2))
    assert.equal(response.headers.get('timing-allow-origin'), 'https://page.example')
    const stranger = await app.score('good', '{"data": [[1, 2]]}', { origin: 'https://other.example' })
    assert.equal(stranger.headers.get('timing-allow-origin'), null)
  })

  it('keeps what a script says itself', async test => {
    const app = await runApp(test, {
      'raw/service.json': { entryScript: 'score.js' },
      'raw/score.js': `export const rawHttp = true; export const init = () => {}
        export const run = () => new Response('ok', { headers: { 'server-timing': 'db;dur=53' } })`,
    })
    await app.settled()
    const timing = (await app.score('raw', '')).headers.get('server-timing') ?? ''
    assert.match(timing, /^db;dur=53, queue;dur=\S+, batch;/)
  })

  it('is absent when it is off, and from errors', async test => {
    const app = await runApp(test, services, { SCORING_SERVER_TIMING: 'off' })
    await app.settled()
    assert.equal((await app.score('good', '{"data": [[1, 2]]}')).headers.get('server-timing'), null)
    const talking = await runApp(test, services)
    await talking.settled()
    assert.equal((await talking.score('good', '{"data": "x"}')).headers.get('server-timing'), null)
  })
})
