import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { identifyCaller, PublicKeyQuota } from '../../../src/protocols/encrypted/public-key-quota.ts'
import type { WireRequest } from '../../../src/protocols/http/wire.ts'

function open() {
  let now = 0
  const quota = new PublicKeyQuota(() => now)
  return {
    quota,
    take: (caller: string, count: number, service = 's') => {
      for (let times = 0; times < count; times++) quota.take(service, caller)
    },
    wait: (ms: number) => {
      now += ms
    },
  }
}

const code = 'TOO_MANY_PUBLIC_KEYS'

describe('PublicKeyQuota', () => {
  it('takes twenty a minute of each caller, whatever others send', () => {
    const { take, wait } = open()
    take('a', 20)
    wait(15_000)
    const message = /you have sent 20 within a minute; try again in 45 s/
    assert.throws(() => take('a', 1), { code, message, retryAfterSeconds: 45 })
    take('b', 20)
    take('a', 20, 'other service')
    wait(45_000)
    take('a', 1)
  })

  it('takes a hundred a minute of all callers of a service', () => {
    const { take, wait } = open()
    for (const caller of ['a', 'b', 'c', 'd', 'e']) take(caller, 20)
    assert.throws(() => take('f', 1), { code, message: /it was sent 100 within a minute/ })
    take('f', 1, 'other service')
    wait(60_000)
    take('f', 1)
  })

  it('stores two thousand a day, and does not count what was not stored', () => {
    const { quota, take, wait } = open()
    const fill = (count: number) => {
      for (let taken = 0; taken < count; taken += 20) {
        take(`caller ${taken}`, 20)
        wait(60_000)
      }
    }
    fill(2000)
    assert.throws(() => take('a', 1), { code, message: /it has stored 2000 within a day/ })
    quota.giveBack('s')
    take('a', 1)
    assert.throws(() => take('a', 1), { code })
    wait(86_400_000 - 6_000_000)
    take('a', 1)
  })
})

describe('identifyCaller', () => {
  const request = (clientAddress: string, authorization: string | null) =>
    ({ clientAddress, headers: { get: () => authorization } }) as unknown as WireRequest
  const caller = identifyCaller(request('203.0.113.7', 'Bearer secret'), 0)

  it('tells addresses and keys apart, but not the addresses of one network', () => {
    assert.notEqual(identifyCaller(request('203.0.113.8', 'Bearer secret'), 0), caller)
    assert.notEqual(identifyCaller(request('203.0.113.7', 'Bearer other'), 0), caller)
    assert.equal(identifyCaller(request('203.0.113.7:61598', 'Bearer secret'), 0), caller)
    const inNetwork = (end: string) => identifyCaller(request(`2001:db8::${end}`, null), 0)
    assert.equal(inNetwork('1'), inNetwork('2'))
  })

  it('does not hold the key', () => {
    assert.doesNotMatch(caller, /secret/)
  })
})
