import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { settle } from '../support/virtual-clock.ts'
import { keyNamed, primary, setUp } from './key-fixture.ts'

const second = 1000

describe('ServiceKeys, of services on demand', () => {
  const names = ['iris', ...Array.from({ length: 299 }, (_, index) => `service-${index + 1}`)]

  it('are read for some at the start, and for the others four at a time', async () => {
    const { clock, store, keys } = setUp(names)
    store.latencyMs = 100
    const loaded = keys.load(name => name === 'iris' || name === 'service-7')
    await clock.advance(100)
    await loaded
    const expected = ['iris', 'service-7'].flatMap(name => [`${name}-primary-key`, `${name}-secondary-key`])
    assert.deepEqual(
      store.calls.slice(0, 4).map(({ name }) => name),
      expected,
    )
    await clock.advance(10 * second)
    for (let at = 100; at < 10 * second; at += 100) {
      const services = new Set(
        store.calls.filter(call => call.at === at).map(({ name }) => name.replace(/-\w+-key$/, '')),
      )
      assert.ok(services.size <= 4, `${services.size} services at ${at} ms`)
    }
    assert.equal(new Set(store.calls.map(({ name }) => name)).size, 600)
    assert.equal(store.calls.length, 600)
    keys.stop()
  })

  it('are read at once for the first request, for all who wait', async () => {
    const { clock, store, keys, show } = setUp(names)
    await keys.load(() => false)
    await clock.advance(0)
    store.latencyMs = 70
    const before = store.calls.length
    const asked = Promise.all([1, 2, 3].map(() => show(primary, { service: 'service-299' })))
    const wrong = show(keyNamed('wrong'), { service: 'service-299' })
    for (const { outcome, waitedMs } of await asked) assert.deepEqual([outcome, waitedMs <= 200], ['accepted', true])
    assert.equal((await wrong).outcome, 'BEARER_REJECTED')
    const calls = store.calls.slice(before).filter(({ name }) => name.startsWith('service-299-'))
    assert.ok(calls.length <= 4, `${calls.length} calls`) // the second pair is for the wrong key
    keys.stop()
  })

  it('are ready before they are read, as long as the vault answers', async () => {
    const { clock, store, keys } = setUp(names)
    const last = keys.authorizer('service-299')
    store.state = 'down'
    await keys.load(() => false)
    assert.deepEqual(
      names.filter(name => keys.authorizer(name).isReady),
      [],
    )
    store.state = 'up'
    store.latencyMs = 10
    await clock.advance(2 * second)
    assert.equal(last.isReady, true)
    keys.stop()
    const another = setUp(names)
    another.store.latencyMs = 10
    const loaded = another.keys.load(() => false)
    await another.clock.advance(10)
    await loaded
    await settle()
    assert.equal(another.keys.authorizer('service-299').isReady, true)
    assert.match(JSON.stringify(another.keys.authorizer('service-299').describe()), /"primary":"not read yet"/)
    while (another.store.calls.length < 600) {
      await another.clock.advance(5) // in the middle of the reads of four services
      assert.deepEqual(
        names.filter(name => !another.keys.authorizer(name).isReady),
        [],
      )
    }
    another.keys.stop()
  })
})
