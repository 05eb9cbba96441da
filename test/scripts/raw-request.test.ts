import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { rawRequest } from '../../src/scripts/raw-request.ts'

const make = (text: string, headers: [string, string][] = [], method = 'POST') => {
  const shared = new TextEncoder().encode(`before${text}after`) as Uint8Array<ArrayBuffer>
  return rawRequest('http://localhost/score?x=1', { method, headers }, shared.subarray(6, shared.length - 5))
}

describe('rawRequest', () => {
  it('is a Request, with its method, address and headers', () => {
    const request = make('', [['x-name', 'value']], 'GET')
    assert.ok(request instanceof Request)
    assert.deepEqual(
      [request.method, request.url, request.headers.get('x-name')],
      ['GET', 'http://localhost/score?x=1', 'value'],
    )
    assert.equal(request.body, null)
  })

  it('returns exactly its own bytes, in every form of fetch', async () => {
    assert.equal(await make('abc').text(), 'abc')
    assert.deepEqual([...new Uint8Array(await make('abc').arrayBuffer())], [97, 98, 99])
    assert.deepEqual([...(await make('abc').bytes())], [97, 98, 99])
    assert.deepEqual(await make('{"a": 1}').json(), { a: 1 })
    assert.equal(await (await make('abc').blob()).text(), 'abc')
    assert.equal(await new Response(make('abc').body).text(), 'abc')
    const form = await make('a=1&b=2', [['content-type', 'application/x-www-form-urlencoded']]).formData()
    assert.deepEqual(
      [...form],
      [
        ['a', '1'],
        ['b', '2'],
      ],
    )
  })

  it('can be read once, and cloned before that', async () => {
    const request = make('abc')
    const copy = request.clone()
    assert.equal(request.bodyUsed, false)
    assert.deepEqual([await request.text(), await copy.text()], ['abc', 'abc'])
    assert.equal(request.bodyUsed, true)
    await assert.rejects(request.text(), TypeError)
    const other = make('abc')
    await other.arrayBuffer()
    await assert.rejects(other.json(), TypeError)
    assert.throws(() => other.clone(), TypeError)
  })
})
