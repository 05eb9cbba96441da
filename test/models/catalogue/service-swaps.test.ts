import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { ServiceLoadError } from '../../../src/errors.ts'
import { ScoringService } from '../../../src/inference/scoring-service.ts'
import { ServiceCatalogue } from '../../../src/models/catalogue/service-catalogue.ts'
import { ServiceSwaps } from '../../../src/models/catalogue/service-swaps.ts'
import { ServiceDefinition } from '../../../src/models/definition/definition.ts'
import type { FileChange } from '../../../src/models/repository/store-changes.ts'
import { makeScheduler, readyScheduler } from '../../workers/pool/scheduler-fixture.ts'

const settle = () => new Promise(done => setTimeout(done, 0))
const scoreChanged = new Map<string, FileChange>([['score.ts', 'changed']])

/** A service whose worker does what the test tells it. */
function serviceOnFakeWorker(name: string, made = makeScheduler()) {
  made.scheduler.start().catch(() => {})
  const definition = ServiceDefinition.parse({})
  const engine = { kind: 'scheduler', scheduler: made.scheduler } as const
  return { service: new ScoringService({ name, definition, authorizer: undefined, engine }), worker: made.worker(0) }
}

type Opened = ReturnType<typeof serviceOnFakeWorker>

function setUp(
  served: readonly string[],
  failureOfOpen?: () => Error | undefined,
  onOpen?: (changed: ReadonlySet<string>) => void,
) {
  const lines: string[] = []
  const opened: Opened[] = []
  const first = served.map(name => serviceOnFakeWorker(name, readyScheduler()))
  const catalogue = new ServiceCatalogue(
    first.map(({ service }) => service),
    undefined,
  )
  const onServed: [string, ScoringService | undefined][] = []
  const swaps = new ServiceSwaps({
    catalogue,
    open: async (name, changed) => {
      onOpen?.(changed)
      const failure = failureOfOpen?.()
      if (failure) throw failure
      const made = serviceOnFakeWorker(name)
      opened.push(made)
      return made.service
    },
    onServed: (...change) => onServed.push(change),
    log: line => lines.push(line),
    logFailure: line => lines.push(`error: ${line}`),
    now: () => 0,
    date: () => new Date('2026-11-29'),
  })
  return { catalogue, swaps, opened, lines, onServed, first }
}

describe('ServiceSwaps', () => {
  it('serves the new service once it has loaded, and ends the old one when its requests are answered', async test => {
    const { catalogue, swaps, opened, lines, first, onServed } = setUp(['churn'])
    test.onTestFinished(() => swaps.stop())
    const [old] = first as [Opened]
    const request = { codec: 'azureml', body: new TextEncoder().encode('a'), contentType: undefined }
    const answer = old.service.inferInBackground(request, () => false)
    await settle()
    const done = swaps.load('churn', scoreChanged)
    await settle()
    assert.equal(catalogue.get('churn'), old.service)
    opened[0]?.worker.load()
    await done
    assert.equal(catalogue.get('churn'), opened[0]?.service)
    assert.deepEqual(onServed, [['churn', opened[0]?.service]])
    await new Promise(done => setTimeout(done, 100))
    assert.equal(old.worker.isEnded, false, 'while it has a request')
    old.worker.finish()
    assert.equal((await answer).kind, 'encoded')
    while (!old.worker.isEnded) await settle()
    assert.deepEqual(lines, ['[churn] score.ts changed: ready after 0 ms'])
  })

  it('goes on with the old service when the new one does not load, and says why', async test => {
    const { catalogue, swaps, opened, lines, first } = setUp(['churn'])
    test.onTestFinished(() => swaps.stop())
    const done = swaps.load('churn', scoreChanged)
    await settle()
    opened[0]?.worker.failToLoad('score.ts cannot be imported')
    await done
    assert.equal(catalogue.get('churn'), first[0]?.service)
    assert.equal(catalogue.get('churn')?.status, 'ready')
    while (!opened[0]?.worker.isEnded) await settle()
    assert.deepEqual(lines, [
      'error: [churn] score.ts changed, but it does not load; the previous one is still served: score.ts cannot be imported',
    ])
  })

  it('shows why a change is not served until one is, and tells which files have changed since', async test => {
    const changed: string[][] = []
    const { catalogue, swaps, opened } = setUp(['churn'], undefined, names => changed.push([...names].sort()))
    test.onTestFinished(() => swaps.stop())
    const change = async (path: string, reason?: string) => {
      const done = swaps.load('churn', new Map([[path, 'changed']]))
      await settle()
      if (reason) opened.at(-1)?.worker.failToLoad(reason)
      else opened.at(-1)?.worker.load()
      await done
    }
    await change('score.ts', 'score.ts cannot be imported')
    assert.deepEqual(catalogue.rejected('churn'), {
      reason: 'score.ts cannot be imported',
      since: '2026-11-29T00:00:00.000Z',
    })
    await change('service.json')
    assert.equal(catalogue.rejected('churn'), undefined)
    await change('2/model.onnx')
    assert.deepEqual(changed, [['score.ts'], ['score.ts', 'service.json'], ['2/model.onnx']])
  })

  it('serves a service that did not load before, and shows the newest reason until it does', async test => {
    const { catalogue, swaps, opened, lines } = setUp([])
    test.onTestFinished(() => swaps.stop())
    for (const reason of ['first', 'second', undefined]) {
      const done = swaps.load('wine', scoreChanged)
      await settle()
      if (reason) opened.at(-1)?.worker.failToLoad(reason)
      else opened.at(-1)?.worker.load()
      await done
      assert.equal(catalogue.get('wine')?.failure, reason)
    }
    assert.deepEqual(lines, [
      'error: [wine] new service, but it does not load: first',
      '[wine] the service behind /score: it is "wine"',
      'error: [wine] score.ts changed, but it still does not load: second',
      '[wine] score.ts changed: ready after 0 ms: load 1 ms, warm-up 1 ms, cpu, no tensors -> no tensors',
    ])
  })

  it('logs why a service cannot even be opened', async () => {
    const { catalogue, swaps, lines, first } = setUp(['churn'], () => new ServiceLoadError('no such key'))
    await swaps.load('churn', scoreChanged)
    await swaps.load('wine', scoreChanged)
    assert.deepEqual(
      catalogue.all,
      first.map(({ service }) => service),
    )
    assert.deepEqual(lines, [
      'error: [churn] score.ts changed, but it does not load; the previous one is still served: no such key',
      'error: [wine] new service, but it does not load: no such key',
    ])
  })

  it('gives up a load for a newer change, and names the files of both', async test => {
    const { catalogue, swaps, opened, lines } = setUp(['churn'])
    test.onTestFinished(() => swaps.stop())
    const done = swaps.load('churn', scoreChanged)
    await settle()
    void swaps.load('churn', new Map([['2/model.onnx', 'added']]))
    void swaps.load('churn', scoreChanged)
    while (opened.length < 2) await settle()
    assert.equal(opened.length, 2)
    while (!opened[0]?.worker.isEnded) await settle()
    opened[1]?.worker.load()
    await done
    assert.equal(catalogue.get('churn'), opened[1]?.service)
    assert.deepEqual(lines, ['[churn] score.ts, 2/model.onnx changed: ready after 0 ms'])
  })

  it('says when a change has changed the service behind /score', async test => {
    const { swaps, opened, lines } = setUp(['churn'])
    test.onTestFinished(() => swaps.stop())
    const done = swaps.load('wine', scoreChanged)
    await settle()
    opened[0]?.worker.load()
    await done
    await swaps.remove('churn')
    assert.deepEqual(
      lines.filter(line => line.includes('/score')),
      [
        '[wine] the service behind /score: there is no default service any more: set SCORING_DEFAULT_SERVICE',
        '[churn] the service behind /score: it is "wine"',
      ],
    )
  })

  it('ends what it loads when the app stops', async () => {
    const { catalogue, swaps, opened, first } = setUp(['churn'])
    void swaps.load('churn', scoreChanged)
    await settle()
    await swaps.stop()
    while (!opened[0]?.worker.isEnded) await settle()
    assert.equal(catalogue.get('churn'), first[0]?.service)
  })

  it('ends in what the last change asked for, loads one at a time, and never leaves a gap', async () => {
    const action = fc.constantFrom('load', 'remove', 'loads', 'fails')
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 12 }), async actions => {
        const { catalogue, swaps, opened, first } = setUp(['churn'])
        const isLoading = ({ service, worker }: Opened) => service.status === 'loading' && !worker.isEnded
        let isServed = true
        let mayScore = true
        let done = Promise.resolve()
        for (const each of actions) {
          const candidate = opened.at(-1)
          if (each === 'load') done = swaps.load('churn', scoreChanged)
          if (each === 'remove') done = swaps.remove('churn')
          if (each === 'load' || each === 'remove') isServed = each === 'load'
          if (each === 'remove') mayScore = false
          if (candidate && isLoading(candidate)) {
            if (each === 'loads') candidate.worker.load()
            if (each === 'fails') candidate.worker.failToLoad('no')
            if (each === 'loads' && isServed) mayScore = true
          }
          for (let turn = 0; turn < 4; turn++) await settle()
          assert.ok(opened.filter(isLoading).length <= 1, 'one load at a time')
          if (mayScore) assert.equal(catalogue.get('churn')?.status, 'ready')
          if (!isServed) assert.equal(catalogue.get('churn'), undefined)
        }
        for (const each of opened) if (isLoading(each)) each.worker.load()
        await done
        const served = catalogue.get('churn')
        assert.equal(served !== undefined, isServed)
        const newest = opened.at(-1)?.service
        if (isServed && newest?.status === 'ready') assert.equal(served, newest)
        const others = [...first, ...opened].filter(({ service }) => service !== served)
        while (others.some(({ worker }) => !worker.isEnded)) await settle()
        await swaps.stop()
        await served?.stop()
      }),
      { numRuns: 30 },
    )
  })
})
