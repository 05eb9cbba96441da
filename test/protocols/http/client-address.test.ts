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
    assert.equal(readClientAddress(request('203.0.113.7:61598')), '203.0.113.7:61598')
    assert.equal(readClientAddress(request('10.0.0.5, 192.168.1.20,203.0.113.7:61598')), '203.0.113.7:61598')
    assert.equal(readClientAddress(request('::1, [2001:db8::1]:443')), '[2001:db8::1]:443')
  })

  it('is the address of the connection if the host provides it, whatever the headers say', () => {
    assert.equal(readClientAddress(request('203.0.113.7', '192.0.2.1')), '192.0.2.1')
  })

  it('is empty when unknown', () => {
    assert.equal(readClientAddress(request(undefined)), '')
  })
})
