import assert from 'node:assert/strict'
import { describe, it, vi } from 'vitest'
import { Deployments } from '../../src/inference/deployments.ts'
import { ScoringService } from '../../src/inference/scoring-service.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { encodePrometheus } from '../../src/protocols/ops/prometheus-text.ts'
import { ByteBudget } from '../../src/scheduling/byte-budget.ts'
import { ScoringMetrics } from '../../src/telemetry/service-metrics.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { encoded } from '../workers/pool/fake-worker.ts'
import { readyScheduler } from '../workers/pool/scheduler-fixture.ts'

const request = (bytes: number) => ({ codec: 'azureml', body: new Uint8Array(bytes), contentType: undefined })

/** Deployments of which green gets a copy of each request that blue answers, in an app whose requests may hold 100 bytes. */
function setUp() {
  const app = new ByteBudget(100)
  const metrics = new ScoringMetrics()
  const make = (deployment: string) => {
    const { scheduler, worker } = readyScheduler()
    const service = new ScoringService({
      ...{ name: 'churn', deployment, definition: ServiceDefinition.parse({}), authorizer: undefined },
      engine: { kind: 'scheduler', scheduler },
      bytes: new ByteBudget(100, { whole: app }),
      metrics: metrics.ofService('churn', deployment),
    })
    return { service, worker: worker(0) }
  }
  const [blue, green] = [make('blue'), make('green')]
  const deployments = new Deployments({
    deployments: [
      { name: 'blue', service: blue.service, weight: 100, mirror: 0 },
      { name: 'green', service: green.service, weight: 0, mirror: 100 },
    ],
    random: () => 0,
  })
  deployments.takeOver(undefined)
  const counted = (reason: string) => {
    const labels = { scoring_service: 'churn', scoring_deployment: 'green', scoring_reason: reason }
    return new PrometheusPage(encodePrometheus(metrics.families)).valueOf('scoring_mirror_answers_total', labels)
  }
  const copy = (bytes: number) => blue.service.mirror?.copy(blue.service, request(bytes))
  return { app, blue: blue.service, green, copy, counted }
}

describe('Mirror', () => {
  it('holds the memory of a copy until its answer is compared', async () => {
    const { green, copy, counted, blue } = setUp()
    const copied = copy(60)
    assert.equal(copy(41), undefined)
    assert.equal(counted('dropped'), 1)
    copied?.answered(encoded('1'))
    await vi.waitUntil(() => green.worker.dispatches.length === 1)
    green.worker.finish()
    await vi.waitUntil(() => blue.bytes.holdSpare(100, () => {}) !== undefined)
  })

  it('drops a copy when a request needs its memory, and refuses no request', async () => {
    const { blue, green, copy, counted } = setUp()
    const copied = copy(60)
    const account = blue.bytes.open()
    account.resize(90)
    copied?.answered(encoded('1'))
    await vi.waitUntil(() => counted('dropped') === 1)
    assert.deepEqual(green.worker.dispatches, [])
    account.release()
    assert.notEqual(copy(100), undefined)
  })
})
