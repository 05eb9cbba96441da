import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { readClientAddress } from '../../../src/protocols/http/client-address.ts'
import type { WireRequest } from '../../../src/protocols/http/wire.ts'

function request(forwardedFor: string | undefined, clientAddress?: string): WireRequest {
  const headers = new Headers(forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor })
  const query = new URLSearchParams()
  return { method: 'POST', url: '/', headers, query, clientAddress, arrayBuffer: async () => new ArrayBuffer(0) }
}

describe('readClientAddress', () => {
  it("is the last hop, which Azure's front end wrote, whatever the client put before it", () => {
    assert.equal(readClientAddress(request('203.0.113.7:61598'), 0), '203.0.113.7:61598')
    assert.equal(readClientAddress(request('10.0.0.5, 192.168.1.20,203.0.113.7:61598'), 0), '203.0.113.7:61598')
    assert.equal(readClientAddress(request('::1, [2001:db8::1]:443'), 0), '[2001:db8::1]:443')
  })

  it("is what Front Door wrote, behind it and Azure's front end", () => {
    assert.equal(readClientAddress(request('10.0.0.5, 203.0.113.7, 147.243.0.1:61598'), 1), '203.0.113.7')
  })

  it('is the address of the connection where there is no proxy, whatever the headers say', () => {
    assert.equal(readClientAddress(request('203.0.113.7', '192.0.2.1'), 0), '192.0.2.1')
  })

  it('is what the outermost of our proxies wrote, whatever the client put before it', () => {
    assert.equal(readClientAddress(request('203.0.113.7', '10.0.0.1'), 1), '203.0.113.7')
    assert.equal(readClientAddress(request('198.51.100.1, 203.0.113.7', '10.0.0.1'), 1), '203.0.113.7')
    assert.equal(readClientAddress(request('198.51.100.1, 203.0.113.7 , 10.0.0.2', '10.0.0.1'), 2), '203.0.113.7')
    assert.equal(readClientAddress(request('[2001:db8::1]:443', '::ffff:10.0.0.1'), 1), '[2001:db8::1]:443')
  })

  it.for<[forwarded: string | undefined, trustedProxies: number]>([
    [undefined, 1],
    ['', 1],
    ['203.0.113.7', 2],
    ['203.0.113.7, 10.0.0.2', 3],
    ['unknown', 1],
    ['203.0.113.7, ', 1],
    ['_hidden, 10.0.0.2', 2],
    ['203.0.113.7; 10.0.0.2', 1],
    ['999.0.0.1', 1],
  ])('is the address of the connection where the list is too short or the entry is none: %j of %i', ([list, count]) => {
    assert.equal(readClientAddress(request(list, '192.0.2.1'), count), '192.0.2.1')
  })

  it('is empty when unknown', () => {
    assert.equal(readClientAddress(request(undefined), 0), '')
    assert.equal(readClientAddress(request(undefined), 1), '')
  })
})
