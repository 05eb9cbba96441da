import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { Deployments } from '../../src/inference/deployments.ts'
import { ScoringService } from '../../src/inference/scoring-service.ts'
import { findModel } from '../../src/models/catalogue/find-model.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { makeScheduler, readyScheduler } from '../workers/pool/scheduler-fixture.ts'

const definition = ServiceDefinition.parse({})

function ready(deployment: string): ScoringService {
  const engine = { kind: 'scheduler', scheduler: readyScheduler().scheduler } as const
  return new ScoringService({ name: 'churn', deployment, definition, authorizer: undefined, engine })
}

function failed(deployment: string): ScoringService {
  const engine = { kind: 'none', failure: 'no file' } as const
  return new ScoringService({ name: 'churn', deployment, definition, authorizer: undefined, engine })
}

type Shares = Record<string, number>

function deploy(weights: Shares, more: { stickyHeader?: string; random?: () => number; broken?: string } = {}) {
  const deployments = Object.entries(weights).map(([name, weight]) => ({
    name,
    weight,
    mirror: 0,
    service: name === more.broken ? failed(name) : ready(name),
  }))
  return new Deployments({ deployments, stickyHeader: more.stickyHeader, random: more.random ?? Math.random })
}

const header = (headers: Record<string, string>) => (name: string) => headers[name] ?? null

describe('Deployments', () => {
  it('choose by weight: the share of the points from 0 to 1 that each gets is its weight', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), blue => {
        let point = 0
        const deployments = deploy({ blue, green: 100 - blue }, { random: () => point })
        let count = 0
        for (let index = 0; index < 100; index++) {
          point = (index + 0.5) / 100
          if (deployments.choose(header({}))?.deployment === 'blue') count++
        }
        assert.equal(count, blue)
      }),
      { numRuns: 30 },
    )
  })

  it('are chosen by the header of Azure ML, also with the weight 0', () => {
    const deployments = deploy({ blue: 100, green: 0 })
    assert.equal(deployments.choose(header({ 'azureml-model-deployment': 'green' }))?.deployment, 'green')
    const red = header({ 'azureml-model-deployment': 'red' })
    assert.equal(deployments.choose(red), undefined)
    assert.equal(deployments.unknown(red).message, 'There is no deployment "red"; there are: blue, green')
    assert.equal(deployments.unknown(red).status, 404)
    const none = deploy({ blue: 0, green: 0 })
    assert.equal(none.choose(header({})), undefined)
    assert.equal(
      none.unknown(header({})).message,
      'No deployment gets requests; choose one by the header azureml-model-deployment; there are: blue, green',
    )
  })

  it('are found by version: the one that the header names, else the one with the greatest weight', () => {
    const deployments = deploy({ blue: 10, green: 90 }) // both have version 1, as their models are in no numbered folder
    const engine = { kind: 'changing', source: deployments } as const
    const churn = new ScoringService({ name: 'churn', definition, authorizer: undefined, engine, deployments })
    const find = (version: string, named?: string) =>
      findModel({ get: () => churn, findDefault: () => churn }, 'churn', version, named).deployment
    assert.deepEqual([find('1'), find('1', 'blue'), find('1', '')], ['green', 'blue', 'green'])
    const refused = { code: 'SERVICE_UNKNOWN' }
    assert.throws(() => find('1', 'red'), refused)
    assert.throws(() => find('2'), refused)
    assert.equal(find(''), undefined) // weights and header choose
  })

  it('stay the same for the same value of the sticky header, and follow the weights over many values', () => {
    const random = () => assert.fail('the header decides')
    const [one, other] = [0, 1].map(() => deploy({ blue: 70, green: 30 }, { stickyHeader: 'x-user', random }))
    let blue = 0
    for (let user = 0; user < 2000; user++) {
      const chosen = one?.choose(header({ 'x-user': `user ${user}` }))?.deployment
      assert.equal(other?.choose(header({ 'x-user': `user ${user}` }))?.deployment, chosen)
      if (chosen === 'blue') blue++
    }
    assert.ok(blue > 1300 && blue < 1500, `${blue} of 2000`) // 1400, by a hash that does not change
  })

  it('leave out what cannot be loaded, unless a caller asks for it', () => {
    const deployments = deploy({ blue: 10, green: 90 }, { broken: 'green' })
    for (let count = 0; count < 20; count++) assert.equal(deployments.choose(header({}))?.deployment, 'blue')
    assert.equal(deployments.choose(header({ 'azureml-model-deployment': 'green' }))?.status, 'failed')
  })

  it('end what no later ones have taken over', async () => {
    const before = deploy({ blue: 100, green: 0 })
    const [blue, green] = before.all
    const kept = before.get('blue')?.service as ScoringService
    const after = new Deployments(
      { deployments: [{ name: 'blue', service: kept, weight: 100, mirror: 0 }], random: Math.random },
      new Set([kept]),
    )
    await after.stop() // before it was served: what it shares is not its own
    assert.equal(kept.status, 'ready')
    after.takeOver(before)
    await before.stop()
    const submit = (service: ScoringService | undefined) =>
      service?.inferInBackground({ codec: 'azureml', body: new Uint8Array(), contentType: undefined }, () => true)
    const stopped = await submit(green?.service)
    assert.equal(stopped?.kind === 'failure' && stopped.code, 'SERVICE_STOPPING')
    assert.equal(blue?.service.status, 'ready')
    await after.stop()
    const ended = await submit(kept)
    assert.equal(ended?.kind === 'failure' && ended.code, 'SERVICE_STOPPING')
  })

  it('wait for the slowest to load, and name the one that does not', async () => {
    const loading = makeScheduler()
    loading.scheduler.start().catch(() => {})
    const engine = { kind: 'scheduler', scheduler: loading.scheduler } as const
    const green = new ScoringService({ name: 'churn', deployment: 'green', definition, authorizer: undefined, engine })
    const deployments = new Deployments({
      deployments: [
        { name: 'blue', service: ready('blue'), weight: 100, mirror: 0 },
        { name: 'green', service: green, weight: 0, mirror: 0 },
      ],
      random: Math.random,
    })
    const load = deployments.load()
    loading.worker(0).failToLoad('no whole ONNX model')
    await assert.rejects(load, { message: 'deployment "green": no whole ONNX model' })
  })
})
