import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { dial, type Host, send, sendRaw, startHost } from '../host-child.ts'

describe('HttpDispatcher', () => {
  let host: Host
  beforeAll(async () => {
    host = await startHost(undefined, 'plain')
  })
  afterAll(() => host.kill())
  const get = (path: string) => send(host, `/api/${path}`)

  it('sends status, headers and body', async () => {
    const { status, headers, body } = await get('empty')
    assert.deepEqual([status, headers['content-type'], headers['content-length'], body], [200, 'text/plain', '2', 'ok'])
    assert.equal((await get('empty-bytes')).body, 'ok')
    assert.equal((await get('sync')).body, 'ok')
  })

  it.each(['throws', 'rejects', 'rejects-undefined', 'number', 'text', 'bad-status', 'bad-header'])(
    'sends 500 without a body, and logs, when the function is "%s"',
    async path => {
      const { status, body, headers } = await get(path)
      assert.deepEqual([status, body, headers['content-length']], [500, '', '0'])
      await host.see(new RegExp(`Executed 'Functions.${path}' \\(Failed, Id=[-0-9a-f]{36}, Duration=\\d+ms\\)`))
    },
  )

  it.each(['nothing', 'null'])('sends 204 when the function returns %s', async path => {
    const { status, body, headers } = await get(path)
    assert.deepEqual([status, body, headers['content-length']], [204, '', undefined])
  })

  it.each([204, 205, 304])('sends no body with %i', async status => {
    const answer = await get(`late-status?status=${status}`)
    assert.deepEqual([answer.status, answer.body], [status, ''])
  })

  it('sends 404 without a body for other paths and other methods', async () => {
    for (const answer of [
      await get('nosuch'),
      await send(host, '/'),
      await send(host, '/empty'),
      await send(host, '/api/shared', { method: 'PUT' }),
      await send(host, '/api/shared', { method: 'PROPFIND' }),
      await get('items'),
    ]) {
      assert.deepEqual([answer.status, answer.body], [404, ''])
    }
  })

  it('closes the connection after a 408', async test => {
    const answer = await sendRaw(test, host, 'GET /api/late-status?status=408 HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(answer, /^HTTP\/1\.1 408 [\s\S]*\r\nconnection: close\r\n/)
  })

  it('ignores keys of Azure Functions during development, and says so', async () => {
    assert.equal((await get('keyed')).body, 'keyed')
    await host.see(
      /These functions ask for a key of Azure Functions \(authLevel\), and only Azure has those: 'keyed'\. During/,
    )
  })

  it('answers 401 elsewhere for a function that asks for such a key', async test => {
    const environment = { AZURE_FUNCTIONS_ENVIRONMENT: 'Production' }
    const production = await startHost(test, 'plain', { environment })
    for (const path of ['keyed', 'keyed?code=any']) {
      const { status, body } = await send(production, `/api/${path}`, { headers: { 'x-functions-key': 'any' } })
      assert.deepEqual([status, body], [401, ''])
    }
    assert.equal((await send(production, '/api/empty')).status, 200)
  })

  it('lets functions share a route by method', async () => {
    assert.equal((await get('shared')).body, 'got')
    assert.equal((await send(host, '/api/shared', { method: 'POST' })).body, 'posted')
  })

  it('gives route parameters to the function', async () => {
    assert.deepEqual(JSON.parse((await get('Items/7/a/b%20c/')).body), { id: '7', rest: 'a/b c' })
  })

  it('sends 400 for broken percent escapes', async () => {
    assert.equal((await get('items/%zz')).status, 400)
  })

  it('answers HEAD with the headers of the body only', async () => {
    const { status, headers, body } = await send(host, '/api/empty', { method: 'HEAD' })
    assert.deepEqual([status, headers['content-length'], body], [200, '2', ''])
    const stream = await send(host, '/api/bodies?kind=web', { method: 'HEAD' })
    // RFC 9110, section 8.6: no Content-Length but the one that GET would have, and a stream has none.
    assert.deepEqual([stream.status, stream.headers['content-length'], stream.body], [200, undefined, ''])
  })

  it('tells browsers behind a proxy to come over HTTPS only, and others nothing', async () => {
    const policy = async (headers: Record<string, string>, path = '/api/empty') =>
      (await send(host, path, { headers })).headers['strict-transport-security']
    for (const path of ['/api/empty', '/api/no-such-function', '/api/items/%zz'])
      assert.equal(await policy({ 'x-forwarded-proto': 'https' }, path), 'max-age=31536000; includeSubDomains', path)
    assert.equal(await policy({ 'x-forwarded-proto': 'http' }), undefined)
    assert.equal(await policy({}), undefined)
  })

  it('survives TRACE, CONNECT and unknown methods', async test => {
    assert.equal((await send(host, '/api/empty', { method: 'TRACE' })).status, 200)
    const start = async (bytes: string) => (await sendRaw(test, host, bytes)).slice(0, 12)
    assert.equal(await start('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'), 'HTTP/1.1 404')
    assert.equal(await start('NONSENSE / HTTP/1.1\r\nHost: a\r\n\r\n'), 'HTTP/1.1 400')
    assert.equal(await start('GET /api/empty HTTP/1.1\r\n\r\n'), 'HTTP/1.1 400')
    assert.equal(await start('\u0016\u0003\u0001\r\n\r\n'), 'HTTP/1.1 400')
    assert.equal(await start(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`), 'HTTP/1.1 431')
    assert.equal(
      await start('GET /api/empty HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: h2c\r\n\r\n'),
      'HTTP/1.1 200',
    )
    assert.equal((await get('empty')).status, 200)
  })

  it('says in JSON why a request cannot be parsed, and closes the connection', async test => {
    const fetchRefusal = async (bytes: string) => {
      const [head = '', body = ''] = (await sendRaw(test, host, bytes)).split('\r\n\r\n')
      assert.match(head, /\r\nconnection: close/i)
      return [head.slice(9, 12), (JSON.parse(body) as { code: string }).code]
    }
    assert.deepEqual(await fetchRefusal('NONSENSE / HTTP/1.1\r\nHost: a\r\n\r\n'), ['400', 'REQUEST_MALFORMED'])
    assert.deepEqual(await fetchRefusal('GET /api/empty HTTP/1.1\r\n\r\n'), ['400', 'REQUEST_MALFORMED'])
    const chunked = 'POST /api/empty HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'
    assert.deepEqual(await fetchRefusal(chunked), ['400', 'REQUEST_MALFORMED'])
    const tooLong = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`
    assert.deepEqual(await fetchRefusal(tooLong), ['431', 'HEADERS_TOO_LARGE'])
    const tooMany = `GET / HTTP/1.1\r\nHost: a\r\n${'x: 1\r\n'.repeat(3000)}\r\n`
    assert.deepEqual(await fetchRefusal(tooMany), ['431', 'HEADERS_TOO_LARGE'])
  })

  it('shows the request as @azure/functions does', async () => {
    const headers = { 'X-Id': ['1', '2'], 'x-forwarded-host': 'evil' }
    const { body } = await send(host, '/api/look?a=1&a=2&b=%20', { method: 'PUT', headers })
    const seen = JSON.parse(body)
    assert.equal(seen.method, 'PUT')
    assert.equal(seen.url, `http://127.0.0.1:${host.port}/api/look?a=1&a=2&b=%20`)
    assert.deepEqual(seen.query, [
      ['a', '1'],
      ['a', '2'],
      ['b', ' '],
    ])
    assert.deepEqual(
      [seen.ids, seen.headers['x-id'], seen.hasId, seen.missing, seen.user],
      ['1, 2', '1, 2', true, null, null],
    )
  })

  it('shows who is signed in', async () => {
    const principal = { identityProvider: 'github', userId: 'u1', userDetails: 'ann' }
    const encoded = Buffer.from(JSON.stringify(principal)).toString('base64')
    const { body } = await send(host, '/api/look', { headers: { 'x-ms-client-principal': encoded } })
    const { user } = JSON.parse(body)
    assert.deepEqual(
      [user.type, user.id, user.username, user.identityProvider],
      ['StaticWebApps', 'u1', 'ann', 'github'],
    )
  })

  it('gives the function a context', async () => {
    const seen = JSON.parse((await get('look-context')).body)
    assert.match(seen.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4/)
    assert.deepEqual(
      [seen.name, seen.trigger, seen.return, seen.side, seen.missing],
      ['look-context', 'httpTrigger', { type: 'http', name: '$return', direction: 'out' }, 1, true],
    )
    await host.see(/\[\d{4}-.*Z\] a line of the app \{ a: 1 \}/)
  })

  it('writes JSON, cookies, header pairs and whole responses', async () => {
    const json = await get('json')
    assert.deepEqual([json.headers['content-type'], json.body], ['application/json', '{"answer":42}'])
    const { headers } = await get('cookies')
    assert.deepEqual(headers['set-cookie'], [
      'a=1',
      'b=2',
      'c=x%20y; Max-Age=10; Path=/; HttpOnly; Secure; SameSite=Strict',
    ])
    const pairs = await get('pairs')
    assert.deepEqual([pairs.headers['x-one'], pairs.headers['x-two']], ['1', '2'])
    const response = await get('response')
    assert.deepEqual([response.status, response.headers['x-one'], response.body], [201, '1', 'made'])
    const type = 'text/plain;charset=UTF-8' // what a fetch Response says
    assert.equal(response.headers['content-type'], type)
    assert.equal((await get('sync')).headers['content-type'], type)
  })

  it('sends the right length of a body, whatever the function says', async () => {
    const { headers, body } = await get('own-length')
    assert.deepEqual([headers['content-length'], headers['transfer-encoding'], body], ['2', undefined, 'ok'])
  })

  const floats = Buffer.from(new Float32Array([1]).buffer).toString()
  it.each([
    ['string', 'grüße', 'text/plain;charset=UTF-8'],
    ['bytes', '\u0001\u0002\u0003', undefined],
    ['floats', floats, undefined],
    ['view', '\u0008\u0007', undefined],
    ['arrayBuffer', '\u0001\u0002', undefined],
    ['blob', 'blob', 'text/x-blob'],
    ['web', 'web stream', undefined],
    ['readable', 'readable', undefined],
    ['iterable', 'iterable', undefined],
    ['params', 'a=1&b=%C3%BC', 'application/x-www-form-urlencoded;charset=UTF-8'],
    ['object', 'its own text', 'text/plain;charset=UTF-8'],
    ['number', '5', 'text/plain;charset=UTF-8'],
    ['none', '', undefined],
  ] as const)('writes a body of kind "%s"', async (kind, body, type) => {
    const answer = await get(`bodies?kind=${kind}`)
    assert.equal(answer.body, kind === 'floats' ? Buffer.from(body).toString() : body)
    assert.equal(answer.headers['content-type'], type)
  })

  it('writes a form', async () => {
    const { headers, body } = await get('bodies?kind=form')
    const response = new Response(body, { headers: { 'content-type': headers['content-type']! } })
    assert.equal((await response.formData()).get('field'), 'value')
  })

  it('writes a large stream as fast as the client reads, and ends it when the client leaves', async test => {
    assert.equal((await get('bodies?kind=large')).body.length, 30_000_000)
    const socket = await dial(test, host)
    socket.write('GET /api/bodies?kind=endless HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
    await host.see(/stream ended/)
    assert.doesNotMatch(host.output, /Warning/)
  })

  it('ends a stream that yields nothing more when the client leaves', async test => {
    for (const [kind, line] of [
      ['silent', /silent stream ended/],
      ['silent-readable', /silent readable ended/],
    ] as const) {
      const socket = await dial(test, host)
      socket.write(`GET /api/bodies?kind=${kind} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await once(socket, 'data')
      socket.destroy()
      await host.see(line)
    }
    assert.equal((await get('empty')).status, 200)
    assert.doesNotMatch(host.output, /'Functions\.bodies' \(Failed/)
  })

  it('sends the length that a function gives for a stream, and breaks the connection when it is wrong', async () => {
    const { headers, body } = await get('length-of-stream?length=5')
    assert.deepEqual([headers['content-length'], headers['transfer-encoding'], body], ['5', undefined, '12345'])
    await assert.rejects(get('length-of-stream?length=3'))
    await assert.rejects(get('length-of-stream?length=7'))
  })

  it('breaks the connection when the stream of a body fails midway', async () => {
    await assert.rejects(get('bodies?kind=failing'), { code: 'ECONNRESET' })
    assert.equal((await get('empty')).status, 200)
  })

  it('logs every request when verbose, and none otherwise', async test => {
    const verbose = await startHost(test, 'plain', { args: ['--verbose'] })
    await send(verbose, '/api/empty')
    await verbose.see(
      /Executing 'Functions.empty'.*\n.*Executed 'Functions.empty' \(Succeeded, Id=.*, Duration=\d+ms\)/,
    )
    await send(verbose, '/api/empty', { headers: { 'x-request-id': 'my-42' } })
    await verbose.see(/Executed 'Functions.empty' \(Succeeded, Id=.*, RequestId=my-42, Duration=\d+ms\)/)
    assert.doesNotMatch(host.output, /Succeeded/)
  })
})
