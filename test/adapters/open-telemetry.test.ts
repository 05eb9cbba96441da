import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { metrics } from '@opentelemetry/api'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { afterEach, describe, it } from 'vitest'
import { loadOpenTelemetry } from '../../src/adapters/opentelemetry/load-open-telemetry.ts'
import { observeServices } from '../../src/inference/observe-services.ts'
import { ScoringService } from '../../src/inference/scoring-service.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { encodePrometheus } from '../../src/protocols/ops/prometheus-text.ts'
import { ScoringMetrics } from '../../src/telemetry/service-metrics.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { runApp } from '../support/running-app.ts'

const registryKey = Symbol.for('opentelemetry.js.api.1')
const refuse = (line: string) => assert.fail(line)

function someService() {
  const scoring = new ScoringMetrics()
  const service = scoring.ofService('iris')
  const failing = new ScoringService({
    name: 'iris',
    definition: ServiceDefinition.parse({}),
    authorizer: undefined,
    engine: { kind: 'none', failure: 'none' },
  })
  return { service, families: [...scoring.families, ...observeServices(() => [failing])] }
}

describe('loadOpenTelemetry', () => {
  afterEach(() => metrics.disable())

  it('gives the SDK of the process what the page of metrics shows, under the names its own exporter makes', async () => {
    const reader = new PrometheusExporter({ preventServerStart: true })
    const provider = new MeterProvider({ readers: [reader] })
    metrics.setGlobalMeterProvider(provider)
    const { service, families } = someService()
    const openTelemetry = await loadOpenTelemetry({}, '1.0.0', refuse)
    openTelemetry?.forwardMetrics(families)

    service.answered('azureml', 200, undefined, 12)
    service.answered('azureml', 504, 'SCORING_TIMEOUT', 60_000)
    service.waited(0.4)
    service.dropped('expired', 3000)
    service.coded(0.2, 0.1)
    service.ran(3, 7, 25)
    service.bisected(1)
    service.rejected('QUEUE_FULL')
    service.threadRestarted('memory')
    service.retried(4)

    const { resourceMetrics } = await reader.collect()
    const theirs = new PrometheusPage(
      new PrometheusSerializer(undefined, false, undefined, true, true)
        .serialize(resourceMetrics)
        .replaceAll(/^# UNIT .*\n|^# (no registered metrics)\n/gm, ''),
    )
    const ours = new PrometheusPage(encodePrometheus(families))
    assert.ok(ours.keys.length > 100)
    // The specification puts the unit into the name; this exporter leaves that to the collector.
    for (const key of ours.keys) assert.equal(theirs.get(key.replace(/_seconds|_bytes/, '')), ours.get(key), key)
    await provider.shutdown()
  })

  it('loads nothing where no SDK has registered itself', async () => {
    assert.equal(await loadOpenTelemetry({}, '1.0.0', refuse), undefined)
    assert.equal(metrics.getMeterProvider().constructor.name, 'NoopMeterProvider')
  })

  it('says so when the SDK is of an API that does not fit', async () => {
    Object.assign(globalThis, { [registryKey]: { version: '1.0.0', metrics: {} } })
    try {
      const lines: string[] = []
      const openTelemetry = await loadOpenTelemetry({}, '1.0.0', line => lines.push(line))
      assert.equal(openTelemetry?.tracing, undefined)
      assert.match(lines.join('\n'), /^metrics and spans do not reach OpenTelemetry: its API 1\.0\.0 does not fit /)
    } finally {
      delete (globalThis as Record<symbol, unknown>)[registryKey]
    }
  })
})

describe('loadOpenTelemetry, in an app', () => {
  it('counts requests in the SDK that is loaded into the app', async test => {
    const fixture = join(import.meta.dirname, '../fixtures/open-telemetry/print-metrics.mjs')
    const app = await runApp(
      test,
      { 'good/service.json': {}, 'good/1/model.onnx': identityModel('float32') },
      { NODE_OPTIONS: `--import ${fixture}`, SCORING_METRICS: 'off' },
    )
    await app.settled()
    for (let sent = 0; sent < 3; sent++) await app.score('good', '{"data": [[1, 2]]}')
    const good = { 'scoring.service': 'good' }
    const expected = [
      {
        name: 'scoring.requests',
        attributes: { ...good, 'scoring.protocol': 'azureml', 'http.response.status_code': 200 },
        value: 3,
      },
      { name: 'scoring.run.duration', attributes: good, value: 3 },
      { name: 'scoring.service.ready', attributes: good, value: 1 },
    ].map(point => JSON.stringify(point))
    // The SDK tells every 50 ms; the test's own time limit ends the wait.
    while (!expected.every(point => app.output().includes(point))) await once(app.process.stdout as Readable, 'data')
  })
})
