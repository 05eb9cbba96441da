import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, it } from 'vitest'
import { clientNetwork, WrongKeyLimit } from '../../src/auth/wrong-key-limit.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'
import { from, keyNamed, primary, secondary, setUp } from './key-fixture.ts'

const second = 1000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** An address a number: 10.0.0.0 and on. */
const addressOf = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`

describe('ForcedRefresh', () => {
  it('reads two secrets once in 10 s, however many wrong keys come from however many addresses', async () => {
    const { clock, store, keys, iris } = setUp(['iris', 'digits'])
    await keys.load()
    const before = store.calls.length
    for (let n = 0; n < 100_000; n++) {
      const authorizer = n % 3 ? iris : keys.authorizer('digits')
      const answer = authorizer.authorize(`Bearer wrong-${n}`, from(addressOf(n))) as Promise<void>
      answer.catch(() => {})
      if (n % 1000 === 0) await clock.advance(second)
    }
    await settle()
    const seconds = clock.monotonicMs() / second
    const forced = store.calls.slice(before)
    assert.equal(seconds, 100)
    assert.ok(forced.length <= 2 * (seconds / 10 + 1), `${forced.length} calls in ${seconds} s`)
    for (const { at } of forced) {
      const inTenSeconds = forced.filter(call => call.at >= at && call.at < at + 10 * second)
      assert.ok(inTenSeconds.length <= 2, `${inTenSeconds.length} calls from ${at} ms on`)
    }
  })

  it('lets a thousand requests wait for a hanging vault, and answers further ones at once', async () => {
    const { clock, store, keys, iris } = setUp()
    await keys.load()
    store.state = 'hanging'
    let answered = 0
    for (let n = 0; n < 5000; n++) {
      const answer = iris.authorize('Bearer wrong', from(addressOf(n))) as Promise<void>
      answer.catch(() => answered++)
    }
    await settle()
    assert.equal(answered, 4000)
    assert.equal(iris.authorize(`Bearer ${primary}`, from(addressOf(1))), undefined)
    await clock.advance(2 * second)
    assert.equal(answered, 5000)
  })

  it('keeps no memory of wrong keys', async () => {
    const { clock, keys, iris } = setUp()
    await keys.load()
    const flood = async (count: number) => {
      for (let n = 0; n < count; n++) {
        const answer = iris.authorize(`Bearer wrong-${n}`, from(`2001:db8:${(n >> 8).toString(16)}:${n & 255}::1`))
        answer?.catch(() => {})
        if (n % 1000 === 0) await clock.advance(100)
      }
      await settle()
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    const [first, later] = [await flood(20_000), await flood(100_000)]
    // A remembered client takes about 200 bytes; 100,000 of them would be 20 MB.
    assert.ok(later - first < 5_000_000, `${first} -> ${later} bytes`)
  })

  it('serves the other services while one is flooded', async () => {
    const { clock, store, keys, outcomeOf } = setUp(['iris', 'digits'])
    await keys.load()
    store.put('digits-primary-key', keyNamed('new'))
    let n = 0
    const flood = () => {
      for (let i = 0; i < 50; i++) {
        const answer = keys.authorizer('iris').authorize('Bearer wrong', from(addressOf(n++))) as Promise<void>
        answer.catch(() => {})
      }
    }
    flood() // uses the forced read
    await settle()
    assert.equal(await outcomeOf(keyNamed('new'), { service: 'digits' }), 'BEARER_REJECTED')
    for (let i = 0; i < 100; i++) {
      flood()
      await clock.advance(100)
    }
    assert.equal(await outcomeOf(keyNamed('new'), { service: 'digits' }), 'accepted')
  })

  it('leaves valid keys accepted while an address is refused with 429 after twenty wrong keys in a minute', async () => {
    const { clock, keys, outcomeOf } = setUp()
    await keys.load()
    for (let n = 0; n < 20; n++) assert.equal(await outcomeOf(`wrong-${n}`), 'BEARER_REJECTED')
    assert.equal(await outcomeOf('wrong'), 'TOO_MANY_WRONG_KEYS')
    assert.equal(await outcomeOf(primary), 'accepted')
    assert.equal(await outcomeOf(secondary), 'accepted')
    assert.equal(await outcomeOf('wrong', { address: '203.0.113.8' }), 'BEARER_REJECTED')
    await clock.advance(60 * second)
    assert.equal(await outcomeOf('wrong'), 'BEARER_REJECTED')
  })

  it('grants an address past the limit one forced read a minute, and the others theirs', async () => {
    const { clock, store, keys, outcomeOf } = setUp()
    await keys.load()
    for (let n = 0; n < 21; n++) await outcomeOf(`wrong-${n}`)
    const before = store.calls.length
    for (let n = 0; n < 58; n++) {
      await outcomeOf('wrong')
      await clock.advance(second)
    }
    assert.ok(store.calls.length - before <= 2, `${store.calls.length - before}`)
    store.put('iris-primary-key', keyNamed('new'))
    assert.equal(await outcomeOf(keyNamed('new'), { address: '203.0.113.8' }), 'accepted')
  })

  it('does not count or fetch for a dry run', async () => {
    const { store, keys, iris, outcomeOf } = setUp()
    await keys.load()
    const before = store.calls.length
    for (let n = 0; n < 100; n++) {
      assert.throws(() => iris.authorize('Bearer wrong', { ...from('203.0.113.7'), isDryRun: true }), {
        code: 'BEARER_REJECTED',
      })
    }
    assert.equal(store.calls.length, before)
    assert.equal(await outcomeOf('wrong'), 'BEARER_REJECTED')
  })

  it('rejects no key in a dry run before the keys are read, because it may be valid', () => {
    const { iris } = setUp()
    assert.throws(() => iris.authorize(`Bearer ${primary}`, { ...from('203.0.113.7'), isDryRun: true }), {
      code: 'KEYS_UNAVAILABLE',
      retryAfterSeconds: 10,
    })
  })
})

describe('WrongKeyLimit', () => {
  it('says when to try again', () => {
    const clock = new VirtualClock()
    const limit = new WrongKeyLimit(clock)
    for (let n = 0; n < 20; n++) limit.count('203.0.113.7')
    assert.throws(() => limit.count('203.0.113.7'), { code: 'TOO_MANY_WRONG_KEYS', retryAfterSeconds: 60 })
  })

  it('tracks ten thousand clients and drops the least recent ones', () => {
    const limit = new WrongKeyLimit(new VirtualClock())
    for (const address of ['192.0.2.1', '192.0.2.2']) for (let n = 0; n < 20; n++) limit.count(address)
    for (let n = 0; n < 9_998; n++) limit.count(addressOf(n))
    assert.throws(() => limit.count('192.0.2.1'))
    limit.count(addressOf(9_998))
    assert.deepEqual([limit.isOver('192.0.2.1'), limit.isOver('192.0.2.2')], [true, false])
  })
})

describe('clientNetwork', () => {
  it('is an IPv4 address, however it is written', () => {
    for (const written of [
      '203.0.113.7',
      '203.0.113.7:61598',
      ' 203.0.113.7',
      '::ffff:203.0.113.7',
      '[::ffff:203.0.113.7]:443',
    ])
      assert.equal(clientNetwork(written), '203.0.113.7', written)
  })

  it('is the /64 of an IPv6 address', () => {
    // RFC 4291, section 2.2: the three ways to write an address
    for (const [written, network] of [
      ['2001:db8:0:cd30:123:4567:89ab:cdef', '2001:db8:0:cd30::/64'],
      ['2001:0DB8:0000:CD30::1', '2001:db8:0:cd30::/64'],
      ['[2001:db8::cd30:0:0:1]:443', '2001:db8:0:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['64:ff9b::203.0.113.7', '64:ff9b:0:0::/64'],
    ] as const) {
      assert.equal(clientNetwork(written), network, written)
    }
  })

  it('is nothing for what is no address', () => {
    for (const text of ['', 'unknown', '203.0.113', '203.0.113.7:x', '[203.0.113.7', 'a:b']) {
      assert.equal(clientNetwork(text), '', text)
    }
  })
})
