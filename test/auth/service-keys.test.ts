import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { settle } from '../support/virtual-clock.ts'
import { from, keyNamed, primary, secondary, setUp } from './key-fixture.ts'

const [second, minute, hour] = [1000, 60_000, 3_600_000]

describe('ServiceKeys', () => {
  it('accepts either key and rejects anything else', async () => {
    const { keys, outcomeOf } = setUp()
    await keys.load()
    assert.equal(await outcomeOf(primary), 'accepted')
    assert.equal(await outcomeOf(secondary), 'accepted')
    for (const wrong of ['a', primary.slice(1), `${primary}.`, primary.toUpperCase()]) {
      assert.equal(await outcomeOf(wrong), 'BEARER_REJECTED', wrong)
    }
  })

  it('accepts the keys of a service that is added later, and forgets a removed service', async () => {
    const { store, keys, outcomeOf } = setUp()
    await keys.load()
    store.put('wine-primary-key', keyNamed('wine'))
    store.put('wine-secondary-key', keyNamed('other'))
    await keys.add('wine')
    assert.equal(await outcomeOf(keyNamed('wine'), { service: 'wine' }), 'accepted')
    assert.equal(await outcomeOf(primary, { service: 'wine' }), 'BEARER_REJECTED')
    const authorizer = keys.authorizer('wine')
    await keys.add('wine')
    assert.equal(keys.authorizer('wine'), authorizer)
    keys.remove('wine')
    assert.throws(() => keys.authorizer('wine'), /not protected by keys/)
    // Who has looked the service up before is still served.
    assert.equal(authorizer.authorize(`Bearer ${keyNamed('wine')}`, from('203.0.113.7')), undefined)
  })

  it('does not add a service whose secret is no key', async () => {
    const { store, keys, lines } = setUp()
    await keys.load()
    store.put('wine-primary-key', 'short-secret')
    await assert.rejects(keys.add('wine'), {
      name: 'ServiceLoadError',
      message: /^secret wine-primary-key .*, so it is no key: write another value, or delete the secret$/,
    })
    assert.throws(() => keys.authorizer('wine'), /not protected by keys/)
    assert.ok(!lines.join().includes('short-secret'))
    store.put('wine-primary-key', keyNamed('wine'))
    await keys.add('wine')
    assert.equal(keys.authorizer('wine').isReady, true)
  })

  it('decides known keys at once, without a promise, even while the vault hangs', async () => {
    const { clock, store, keys, iris } = setUp()
    await keys.load()
    store.state = 'hanging'
    await clock.advance(6 * minute) // a read in the background is under way or has failed
    assert.equal(iris.authorize(`Bearer ${primary}`, from('203.0.113.7')), undefined)
  })

  it('makes the first request wait for the first read', async () => {
    const { store, keys, show } = setUp()
    store.latencyMs = 700
    keys.load()
    const { outcome, waitedMs } = await show(primary)
    assert.equal(outcome, 'accepted')
    assert.ok(waitedMs >= 700 && waitedMs <= 800, `${waitedMs}`)
  })

  it('reports keys as unavailable, not wrong, until they were read once, and accepts them as soon as the vault answers', async () => {
    const { clock, store, keys, show, outcomeOf, iris } = setUp()
    for (const state of ['down', 'hanging'] as const) {
      store.state = state
      keys.load()
      const { outcome, waitedMs } = await show(primary)
      assert.equal(outcome, 'KEYS_UNAVAILABLE')
      assert.ok(waitedMs <= 2 * second, `${waitedMs}`)
      assert.equal(iris.isReady, false)
      await clock.advance(minute)
    }
    store.state = 'up'
    await clock.advance(66 * second) // the longest pause, and the deadline of the read that hangs
    assert.equal(await outcomeOf(primary), 'accepted')
    assert.equal(await outcomeOf('wrong'), 'BEARER_REJECTED')
    assert.equal(iris.isReady, true)
  })

  it('rejects no valid key through a hundred rotations in quick succession', async () => {
    const { clock, store, keys, outcomeOf } = setUp()
    await keys.load()
    const current = { primary, secondary }
    for (let round = 0; round < 100; round++) {
      const type = round % 2 ? 'primary' : 'secondary'
      current[type] = keyNamed(`${type}-${round}`)
      store.put(`iris-${type}-key`, current[type])
      assert.equal(await outcomeOf(current.primary), 'accepted', `${round}`)
      assert.equal(await outcomeOf(current.secondary), 'accepted', `${round}`)
      await clock.advance(100)
    }
    await clock.advance(5 * minute)
    assert.equal(await outcomeOf(keyNamed('primary-97')), 'BEARER_REJECTED')
  })

  it('rejects a replaced key once refreshAfterMs has passed', async () => {
    const { clock, store, keys, outcomeOf } = setUp()
    await keys.load()
    await clock.advance(second)
    store.put('iris-primary-key', keyNamed('new'))
    await clock.advance(5 * minute)
    assert.equal(await outcomeOf(primary), 'BEARER_REJECTED')
    assert.equal(await outcomeOf(secondary), 'accepted')
  })

  it('rejects a replaced key at once after an event, even one that arrived during a read', async () => {
    const { clock, store, keys, outcomeOf } = setUp()
    await keys.load()
    store.latencyMs = 100
    keys.keysChanged('iris-primary-key')
    await clock.advance(50)
    store.put('iris-primary-key', keyNamed('new'))
    keys.keysChanged('iris-primary-key')
    keys.keysChanged('Iris-Primary-Key') // names of secrets have no case
    await clock.advance(200)
    assert.equal(store.calls.length, 6) // the first read, the stale one, and one for both events
    assert.equal(await outcomeOf(primary), 'BEARER_REJECTED')
    for (const other of ['unrelated-secret', 'digits-primary-key']) keys.keysChanged(other)
  })

  it('accepts cached keys for 24 hours without the vault, and then reports them as unavailable', async () => {
    const { clock, store, keys, lines, show, iris } = setUp()
    await keys.load()
    store.state = 'down'
    await clock.advance(24 * hour - second)
    assert.deepEqual(await show(primary), { outcome: 'accepted', waitedMs: 0 })
    await clock.advance(2 * second)
    assert.equal((await show(primary)).outcome, 'KEYS_UNAVAILABLE')
    assert.equal(iris.isReady, false)
    await clock.advance(minute)
    store.state = 'up'
    await clock.advance(minute)
    assert.deepEqual(lines, [
      '[iris] the keys cannot be read (ECONNRESET): the vault is down; retrying',
      '[iris] no key is usable now: every request is answered with 503',
      '[iris] the keys can be read again',
    ])
    assert.deepEqual(await show(primary), { outcome: 'accepted', waitedMs: 0 })
  })

  it('accepts a key exactly between its two dates, whenever it was read', async () => {
    const { clock, store, keys, outcomeOf } = setUp()
    const now = clock.wallMs()
    store.put('iris-primary-key', primary, { expiresAt: now + 60 * second })
    store.put('iris-secondary-key', secondary, { notBefore: now + 30 * second })
    await keys.load()
    assert.equal(await outcomeOf(secondary), 'BEARER_REJECTED')
    await clock.advance(now + 30 * second - clock.wallMs())
    assert.equal(await outcomeOf(secondary), 'accepted')
    await clock.advance(now + 60 * second - 1 - clock.wallMs())
    assert.equal(await outcomeOf(primary), 'accepted')
    await clock.advance(1)
    assert.equal(await outcomeOf(primary), 'BEARER_REJECTED')
  })

  it('measures age by a monotonic clock, and the dates of keys by the wall clock', async () => {
    const { clock, store, keys, outcomeOf } = setUp()
    await keys.load()
    clock.wallOffset -= 365 * 24 * hour
    store.put('iris-primary-key', keyNamed('new'), { expiresAt: clock.wallMs() + hour })
    await clock.advance(5 * minute)
    assert.equal(await outcomeOf(primary), 'BEARER_REJECTED')
    clock.wallOffset += 365 * 24 * hour
    assert.equal(await outcomeOf(keyNamed('new')), 'BEARER_REJECTED')
    assert.equal(await outcomeOf(secondary), 'accepted')
  })

  it('accepts the one key that is there when the other secret is empty or disabled', async () => {
    const { store, keys, lines, outcomeOf } = setUp()
    store.delete('iris-secondary-key')
    await keys.load()
    assert.equal(await outcomeOf(primary), 'accepted')
    assert.equal(await outcomeOf(secondary), 'BEARER_REJECTED')
    assert.deepEqual(lines, ['[iris] secret iris-secondary-key is absent or disabled'])
  })

  it('reports keys as unavailable when no secret holds one, and finds one that is added', async () => {
    const { clock, store, keys, outcomeOf } = setUp()
    store.delete('iris-primary-key')
    store.put('iris-secondary-key', secondary, { isEnabled: false })
    await keys.load()
    assert.equal(await outcomeOf(secondary), 'KEYS_UNAVAILABLE')
    store.put('iris-primary-key', primary)
    await clock.advance(10 * second)
    assert.equal(await outcomeOf(primary), 'accepted')
  })

  it('cannot reject a key while one of the secrets is unreadable', async () => {
    const { store, keys, outcomeOf } = setUp()
    const fetchSecret = store.fetchSecret.bind(store)
    store.fetchSecret = async name => {
      if (name === 'iris-secondary-key') throw new Error('no permission')
      return fetchSecret(name)
    }
    await keys.load()
    assert.equal(await outcomeOf(primary), 'accepted')
    assert.equal(await outcomeOf(secondary), 'KEYS_UNAVAILABLE')
  })

  it('rejects secrets that cannot be keys; the log names the secret and never the value', async () => {
    for (const [value, line] of [
      ['', 'is empty'],
      ['k'.repeat(31), 'has fewer than 32 characters'],
      ['@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/x)', 'is an unresolved Key Vault reference'],
      [`${'k'.repeat(32)}\n`, 'has characters that an Authorization header cannot carry (a line break, perhaps)'],
      ['two words make no bearer token of theirs', 'has characters that an Authorization header cannot carry'],
    ] as const) {
      const { store, keys, lines, outcomeOf } = setUp()
      store.put('iris-primary-key', value)
      await keys.load()
      assert.equal(await outcomeOf(secondary), 'accepted')
      assert.match(keys.mistakes.join(), new RegExp(`^secret iris-primary-key ${line.replace(/[()]/g, '\\$&')}`))
      assert.ok(lines[0]?.startsWith(`[iris] secret iris-primary-key ${line}`), lines[0])
      assert.ok(!/kkk|SecretUri|words/.test(lines.join() + keys.mistakes.join()))
    }
  })

  it('logs once that a key is not valid yet or has expired, and again when it is valid', async () => {
    const { clock, store, keys, lines } = setUp()
    store.put('iris-primary-key', primary, { expiresAt: clock.wallMs() + 7 * minute })
    store.put('iris-secondary-key', secondary, { notBefore: clock.wallMs() + 7 * minute })
    await keys.load()
    await clock.advance(20 * minute)
    assert.deepEqual(lines, [
      '[iris] secret iris-secondary-key is not valid yet',
      '[iris] secret iris-primary-key has expired',
      '[iris] secret iris-secondary-key is a valid key again',
    ])
  })

  it('accepts keys of 32 characters, as Azure ML makes them', async () => {
    const { store, keys, outcomeOf } = setUp()
    store.put('iris-primary-key', 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0hL')
    await keys.load()
    assert.equal(await outcomeOf('aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0hL'), 'accepted')
    assert.deepEqual(keys.mistakes, [])
  })

  it('describes age, validity and the last failure, never a key', async () => {
    const { clock, store, keys, iris } = setUp()
    store.put('iris-secondary-key', secondary, { notBefore: clock.wallMs() + hour })
    assert.deepEqual(iris.describe?.(), {
      ageSeconds: null,
      primary: 'not read yet',
      secondary: 'not read yet',
      isFailing: false,
      lastFailure: undefined,
    })
    await keys.load()
    store.state = 'hanging'
    await clock.advance(270 * second) // read again after 262.5 s, given up 5 s later, tried again
    assert.deepEqual(iris.describe?.(), {
      ageSeconds: 270,
      primary: 'valid',
      secondary: 'not yet valid',
      isFailing: true,
      lastFailure: { kind: 'timeout', secondsAgo: 2 },
    })
  })

  it('leaves no timer and makes no call after stop()', async () => {
    const { clock, store, keys } = setUp(['iris', 'digits'])
    store.state = 'hanging'
    keys.load()
    keys.stop()
    await settle()
    keys.keysChanged('iris-primary-key')
    assert.equal(clock.timerCount, 0)
    assert.equal(store.calls.length, 4)
  })

  it('reads again after an outage, and logs its begin and its end', async () => {
    const { clock, store, keys, lines } = setUp()
    await keys.load()
    store.state = 'down'
    await clock.advance(30 * minute)
    store.state = 'up'
    await clock.advance(2 * minute)
    assert.deepEqual(lines, [
      '[iris] the keys cannot be read (ECONNRESET): the vault is down; retrying',
      '[iris] the keys can be read again',
    ])
  })
})
