import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { corsHeaders, exposeHeaders } from '../../../src/protocols/http/cors.ts'

const answer = (origins: string[], headers: Record<string, string> = {}, method = 'POST', credentials = false) =>
  corsHeaders({ origins, credentials }, { method, headers: new Headers(headers) as never })
const allow = (origin: string, more = {}) => ({ 'access-control-allow-origin': origin, ...more })

// Expected values: Azure ML contract, section 7 and addendum 5, observed on its server.
describe('corsHeaders', () => {
  it('returns none without configured origins', () => {
    assert.deepEqual(answer([], { origin: 'https://a.example' }), {})
  })

  it('echoes the only configured origin without Vary, and names it without an Origin', () => {
    assert.deepEqual(answer(['https://a.example'], { origin: 'https://a.example' }), allow('https://a.example'))
    assert.deepEqual(answer(['https://a.example']), allow('https://a.example'))
  })

  it('allows the methods of the route', () => {
    const preflight = (method: string, methods?: readonly string[]) => {
      const headers = new Headers({ origin: 'https://a.example', 'access-control-request-method': method })
      const request = { method: 'OPTIONS', headers: headers as never }
      return corsHeaders({ origins: ['https://a.example'], credentials: false }, request, methods)
    }
    assert.deepEqual(preflight('DELETE'), allow('https://a.example'))
    const methods = { 'access-control-allow-methods': 'GET, DELETE' }
    assert.deepEqual(preflight('DELETE', ['GET', 'DELETE']), allow('https://a.example', methods))
  })

  it('varies with several origins, and names the alphabetically first without an Origin', () => {
    const several = ['https://b.example', 'https://a.example']
    assert.deepEqual(answer(several, { origin: 'https://b.example' }), allow('https://b.example', { vary: 'Origin' }))
    assert.deepEqual(answer(several), allow('https://a.example', { vary: 'Origin' }))
  })

  it('ignores case, and returns only Vary for an unlisted origin', () => {
    assert.deepEqual(answer(['https://A.example'], { origin: 'https://a.EXAMPLE' }), allow('https://a.EXAMPLE'))
    // Fetch standard, "CORS protocol and HTTP caches": or a cache would give the answer to a listed page.
    const unlisted = { origin: 'https://evil.example' }
    assert.deepEqual(answer(['https://a.example', 'https://b.example'], unlisted), { vary: 'Origin' })
    assert.deepEqual(answer(['https://a.example'], unlisted), { vary: 'Origin' })
  })

  it('echoes any origin for *, which is literal only without an Origin', () => {
    assert.deepEqual(answer(['*'], { origin: 'https://x.example' }), allow('https://x.example', { vary: 'Origin' }))
    assert.deepEqual(answer(['*'], { origin: 'null' }), allow('null', { vary: 'Origin' }))
    assert.deepEqual(answer(['*']), allow('*'))
  })

  it('allows credentials if the service does, never for a literal *', () => {
    const credentials = { 'access-control-allow-credentials': 'true' }
    assert.deepEqual(answer(['https://a.example'], {}, 'POST', true), allow('https://a.example', credentials))
    assert.deepEqual(answer(['*'], {}, 'POST', true), allow('*'))
  })

  it('answers a preflight with methods and headers, for GET and POST only', () => {
    const preflight = (method: string) =>
      answer(
        ['https://a.example'],
        {
          origin: 'https://a.example',
          'access-control-request-method': method,
          'access-control-request-headers': 'authorization',
        },
        'OPTIONS',
      )
    const more = { 'access-control-allow-methods': 'GET, POST', 'access-control-allow-headers': 'authorization' }
    assert.deepEqual(preflight('POST'), allow('https://a.example', more))
    assert.deepEqual(preflight('DELETE'), allow('https://a.example'))
  })
})

describe('exposeHeaders', () => {
  // Fetch standard, "CORS-safelisted response-header name": pages read these without being allowed to.
  const safelisted = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  const telling = { 'x-request-id': '1', 'azureml-model-deployment': 'blue', 'inference-header-content-length': '9' }

  it('names what tells of the answer, to pages that may read it', () => {
    const headers: Record<string, string> = { ...safelisted, vary: 'Origin', ...telling, ...allow('https://a.example') }
    exposeHeaders(headers)
    assert.equal(headers['access-control-expose-headers'], Object.keys(telling).join(', '))
  })

  it('names nothing to others', () => {
    const headers: Record<string, string> = { ...telling }
    exposeHeaders(headers)
    assert.deepEqual(headers, telling)
  })
})
