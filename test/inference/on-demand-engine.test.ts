import assert from 'node:assert/strict'
import { describe, it, vi } from 'vitest'
import { OnDemandEngine } from '../../src/inference/on-demand-engine.ts'
import { ScoringService } from '../../src/inference/scoring-service.ts'
import { LoadedServices } from '../../src/models/catalogue/loaded-services.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { LoadQueue } from '../../src/workers/pool/load-queue.ts'
import { makeScheduler } from '../workers/pool/scheduler-fixture.ts'

const request = { codec: 'azureml', body: new Uint8Array(), contentType: undefined }

const limitedTo = (maxCount: number, more: Partial<ConstructorParameters<typeof LoadedServices>[0]> = {}) =>
  new LoadedServices({
    ...{ maxCount, maxBytes: 1e9, isMemoryShort: () => false, onUnloaded: () => {} },
    ...more,
  })

/** A service on demand, whose workers do what the test tells them. */
function onDemand(name: string, loaded: LoadedServices, prepare?: () => Promise<void>, loads?: LoadQueue) {
  const made: ReturnType<typeof makeScheduler>[] = []
  const source = new OnDemandEngine({
    prepare,
    start: () => {
      const next = makeScheduler()
      made.push(next)
      const { scheduler } = next
      return { scheduler, firstLoad: (loads ?? new LoadQueue(1)).add(() => scheduler.start()) }
    },
    log: () => {},
  })
  const service = new ScoringService({
    ...{ name, definition: ServiceDefinition.parse({}), authorizer: undefined },
    engine: { kind: 'changing', source },
    onUse: used => loaded.use(used),
  })
  return { service, made }
}

async function load({ service, made }: ReturnType<typeof onDemand>): Promise<void> {
  const loading = service.waitUntilLoaded(undefined)
  await vi.waitUntil(() => made.length > 0 && service.scheduler !== undefined)
  made.at(-1)?.worker(0).load()
  await loading
}

describe('a service on demand', () => {
  it('is ready before it is loaded, and loads with its first request', async () => {
    const one = onDemand('one', limitedTo(4))
    assert.deepEqual([one.service.status, one.service.isReady], ['idle', true])
    one.service.requireAvailable()
    assert.equal(one.made.length, 0)
    await load(one)
    assert.deepEqual([one.service.status, one.made.length], ['ready', 1])
    await one.service.stop()
  })

  it('makes room when others are used later, but not while it is busy', async () => {
    const unloaded: string[] = []
    const loaded = limitedTo(2, { onUnloaded: ({ name }) => unloaded.push(name) })
    const [first, second, third, fourth] = ['first', 'second', 'third', 'fourth'].map(name => onDemand(name, loaded))
    assert.ok(first && second && third && fourth)
    await load(first)
    await load(second)
    const answer = first.service.inferInBackground(request, () => false) // the last use, and it is under way
    await load(third)
    assert.deepEqual(unloaded, ['second'])
    await load(fourth)
    assert.deepEqual(unloaded, ['second', 'third'])
    first.made[0]?.worker(0).finish()
    assert.equal((await answer).kind, 'encoded')
    await load(second)
    assert.deepEqual(unloaded, ['second', 'third', 'first'])
    assert.deepEqual([first.service.status, second.service.status], ['idle', 'ready'])
    assert.equal(second.made.length, 2)
    for (const { service } of [first, second, third, fourth]) await service.stop()
  })

  it('makes room for large models, and for others when the process has little memory left', async () => {
    const unloaded: string[] = []
    let isMemoryShort = false
    const loaded = limitedTo(9, {
      maxBytes: 100,
      isMemoryShort: () => isMemoryShort,
      onUnloaded: ({ name }, reason) => unloaded.push(`${name} (${reason})`),
    })
    const names = ['first', 'second', 'third', 'fourth', 'fifth', 'huge']
    const [first, second, third, fourth, fifth, huge] = names.map(name => onDemand(name, loaded))
    assert.ok(first && second && third && fourth && fifth && huge)
    const loadWith = async (one: typeof first, bytes: number) => {
      await load(one)
      loaded.loading(one.service, bytes)
    }
    await loadWith(first, 40)
    await loadWith(second, 40)
    await loadWith(third, 20)
    assert.deepEqual(unloaded, [])
    first.service.requireReady() // is used
    await loadWith(fourth, 10)
    assert.deepEqual(unloaded.splice(0), ['second (bytes)'])
    isMemoryShort = true
    await loadWith(fifth, 25)
    assert.deepEqual(unloaded.splice(0), ['third (memory)', 'first (memory)']) // 60 bytes for 25
    isMemoryShort = false
    await loadWith(huge, 1000)
    assert.deepEqual(unloaded, ['fourth (bytes)', 'fifth (bytes)'])
    assert.equal(huge.service.status, 'ready')
    for (const { service } of [first, second, third, fourth, fifth, huge]) await service.stop()
  })

  it('fetches its files again when they could not be fetched, and says why it is not there meanwhile', async test => {
    vi.useFakeTimers()
    test.onTestFinished(() => void vi.useRealTimers())
    let tries = 0
    const prepare = async () => {
      if (++tries <= 2) throw new Error('no answer in time')
    }
    const { service, made } = onDemand('far', limitedTo(1), prepare)
    await assert.rejects(service.load(), { message: 'its files cannot be fetched: no answer in time' })
    assert.deepEqual([service.status, service.failure], ['failed', 'its files cannot be fetched: no answer in time'])
    assert.throws(() => service.requireReady(), { code: 'SERVICE_UNAVAILABLE' })
    await vi.advanceTimersByTimeAsync(2000)
    assert.equal(service.status, 'failed')
    await vi.advanceTimersByTimeAsync(4000)
    made[0]?.worker(0).load()
    await vi.advanceTimersByTimeAsync(0)
    assert.equal(service.status, 'ready')
    await service.stop()
  })

  it('whose load waits for others begins it when a caller waits, and not any more when it ends before', async () => {
    const loads = new LoadQueue(1)
    const loaded = limitedTo(4)
    const [first, replaced, called] = ['first', 'replaced', 'called'].map(name =>
      onDemand(name, loaded, undefined, loads),
    )
    assert.ok(first && replaced && called)
    for (const { service } of [first, replaced, called]) service.load().catch(() => {})
    await assert.rejects(
      replaced.service.inferInBackground(request, () => false),
      { code: 'SERVICE_LOADING' },
    )
    const workers = ({ made }: typeof first) => made[0]?.workers.length
    await vi.waitUntil(() => called.service.scheduler !== undefined)
    assert.deepEqual([first, replaced, called].map(workers), [1, 0, 0])
    const call = called.service.waitUntilLoaded(undefined)
    assert.deepEqual([first, replaced, called].map(workers), [1, 0, 1])
    called.made[0]?.worker(0).load()
    await call

    assert.equal(replaced.service.isQuiet, true)
    const load = assert.rejects(replaced.service.load(), { message: 'the service has ended' })
    await replaced.service.stop()
    await load
    assert.throws(() => replaced.service.requireReady(), { code: 'SERVICE_STOPPING' })
    first.made[0]?.worker(0).load()
    await first.service.load()
    assert.deepEqual([first, replaced, called].map(workers), [1, 0, 1])
    for (const { service } of [first, called]) await service.stop()
  })
})
