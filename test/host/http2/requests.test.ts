import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { afterAll, beforeAll, describe, it } from 'vitest'
import {
  encodeFields,
  encodeFrame,
  encodeRequest,
  FrameClient,
  flags,
  frameTypes,
  uint32,
} from '../../support/http2-frames.ts'
import { dial, type Host, send, startHost } from '../host-child.ts'
import { openSession, sendHttp2 } from './http2-client.ts'

/** Fields that concern the connection, or differ by the moment. */
const connectionFields = ['connection', 'keep-alive', 'transfer-encoding', 'date', ':status']

const withoutConnection = (headers: object) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !connectionFields.includes(name)))

describe('HttpServer with a client of HTTP/2', () => {
  let host: Host
  let session: ClientHttp2Session
  const file = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    host = await startHost(file, 'plain')
    session = await openSession(file, host.url)
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })
  const ask = (path: string, options?: Parameters<typeof sendHttp2>[2]) => sendHttp2(session, `/api/${path}`, options)

  const body = 'x'.repeat(100_000)
  it.each([
    ['empty', {}],
    ['empty', { method: 'HEAD' }],
    ['empty', { method: 'TRACE' }],
    ['bodies?kind=web', { method: 'HEAD' }],
    ['nothing', {}],
    ['late-status?status=204', {}],
    ['late-status?status=205', {}],
    ['late-status?status=304', {}],
    ['late-status?status=408', {}],
    ['throws', {}],
    ['bad-header', {}],
    ['bad-status', {}],
    ['nosuch', {}],
    ['items/%zz', {}],
    ['Items/7/a/b%20c/', {}],
    ['shared', { method: 'PUT' }],
    ['json', {}],
    ['cookies', {}],
    ['pairs', {}],
    ['response', {}],
    ['own-length', {}],
    ['length-of-stream?length=5', {}],
    ['bodies?kind=string', {}],
    ['bodies?kind=bytes', {}],
    ['bodies?kind=floats', {}],
    ['bodies?kind=blob', {}],
    ['bodies?kind=readable', {}],
    ['bodies?kind=iterable', {}],
    ['bodies?kind=large', {}],
    ['read?how=text', { body }],
    ['read?how=arrayBuffer', { body }],
    ['read?how=blob', { body }],
    ['read?how=clone', { body: '"short"' }],
    ['read?how=stream', { body }],
    ['read?how=some', { body }],
    ['read?how=twice', { body }],
    ['read', { body }],
    ['read?how=text', { body: '' }],
    ['read?how=text&after=50', { body: '' }],
    ['read?how=stream&after=50', { body: '' }],
    ['read?how=text&after=50', { body }],
    ['read?how=text', { method: 'DELETE' }],
    ['unread', { body }],
  ] as const)('answers %s as with HTTP/1.1', async (path, options) => {
    const expected = await send(host, `/api/${path}`, options)
    const { status, headers, body } = await ask(path, options)
    assert.equal(status, expected.status)
    assert.deepEqual(withoutConnection(headers), withoutConnection(expected.headers))
    assert.ok(body === expected.body, `${body.length} and ${expected.body.length} characters`)
  })

  it('shows the request as @azure/functions does', async () => {
    const headers = {
      ':authority': 'shop.example:81',
      'x-id': ['1', '2'],
      cookie: ['a=1', 'b=2'],
      expect: '100-continue',
    }
    const seen = JSON.parse((await ask('look?a=1&a=2&b=%20', { method: 'PUT', headers })).body)
    assert.equal(seen.url, 'http://shop.example:81/api/look?a=1&a=2&b=%20')
    assert.deepEqual(seen.headers, {
      cookie: 'a=1; b=2',
      expect: '100-continue',
      host: 'shop.example:81',
      'x-id': '1, 2',
    })
    assert.deepEqual([seen.method, seen.ids, seen.hasId, seen.missing], ['PUT', '1, 2', true, null])
  })

  it('takes a body of unknown length, and one that is much larger than the windows', async () => {
    const stream = session.request({ ':path': '/api/read?how=stream', ':method': 'POST' })
    for (let sent = 0; sent < 60; sent++) if (!stream.write(Buffer.alloc(1_000_000))) await once(stream, 'drain')
    stream.end()
    const [chunk] = await once(stream, 'data')
    assert.deepEqual(JSON.parse(chunk), { size: 60_000_000 })
  })

  it('asks for a body whose client waits for that, if the function reads it', async () => {
    const headers = { ':method': 'POST', expect: '100-continue' }
    const read = session.request({ ...headers, ':path': '/api/read?how=text' })
    await once(read, 'continue')
    read.end('asked for')
    assert.equal(String((await once(read, 'data'))[0]), 'asked for')
    const unread = session.request({ ...headers, ':path': '/api/unread' })
    unread.on('continue', () => assert.fail('nobody reads this body'))
    const [{ ':status': status }] = await once(unread, 'response')
    assert.equal(status, 401)
    unread.end()
    const other = await ask('read', { body: '', headers: { expect: 'a miracle' } })
    assert.equal(other.status, 417)
  })

  it('reports to the function that a client has left, and that a body will not be complete', async () => {
    const waiting = session.request({ ':path': '/api/wait-for-leaver' })
    waiting.on('error', () => {})
    await host.see(/waiting/)
    waiting.close(8)
    await host.see(/abandoned/)
    // With CANCEL, and with NO_ERROR, which Node.js reports as an end of the body.
    for (const code of [8, 0]) {
      const client = await FrameClient.open(host.port)
      await client.send(encodeRequest(1, '/api/aborted', { hasBody: true }))
      await client.send(encodeFrame(frameTypes.data, flags.none, 1, Buffer.from('part')))
      await host.see(/reading/)
      host.output = ''
      await client.send(encodeFrame(frameTypes.reset, flags.none, 1, uint32(code)))
      await host.see(/read failed: BodyAborted/)
      client.socket.destroy()
    }
    assert.equal((await ask('empty')).body, 'ok')
  })

  it('ends the stream of a response when its client leaves, or it fails, or has another length', async () => {
    const stream = session.request({ ':path': '/api/bodies?kind=endless' })
    stream.on('error', () => {})
    await once(stream, 'data')
    stream.close(8)
    await host.see(/stream ended/)
    for (const path of ['bodies?kind=failing', 'length-of-stream?length=3', 'length-of-stream?length=7'])
      await assert.rejects(ask(path), /reset|error code/, path)
    assert.equal((await ask('empty')).body, 'ok')
  })

  it('lets a client that sends everything first read the response to a body that was not read', async () => {
    const stream = session.request({ ':path': '/api/unread', ':method': 'POST' })
    stream.end(Buffer.alloc(20_000_000))
    const [{ ':status': status }] = await once(stream, 'response')
    const [chunk] = await once(stream, 'data')
    assert.deepEqual([status, String(chunk)], [401, 'no'])
  })

  it('tells the function when the client has its response', async () => {
    host.output = ''
    await ask('large')
    await host.see(/large: over/)
  })

  it('refuses what is no request with the code of HTTP/1.1', async test => {
    const own = await openSession(test, host.url)
    const refusal = async (headers: Record<string, string>) => {
      const { status, body } = await sendHttp2(own, '/api/empty', { headers })
      return [status, JSON.parse(body).code]
    }
    assert.deepEqual(await refusal({ ':authority': 'a:b' }), [400, 'REQUEST_MALFORMED'])
    assert.deepEqual(await refusal({ ':authority': 'a', host: 'b' }), [400, 'REQUEST_MALFORMED'])
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x-${index}`, '1']))
    assert.deepEqual(await refusal(many), [431, 'HEADERS_TOO_LARGE'])
    assert.deepEqual(await refusal({ 'x-long': 'x'.repeat(40_000) }), [431, 'HEADERS_TOO_LARGE'])
    const tunnel = own.request({ ':method': 'CONNECT', ':authority': 'a:1' })
    const [{ ':status': status }] = await once(tunnel, 'response')
    assert.equal(status, 404)
    assert.equal((await sendHttp2(own, '/api/empty')).body, 'ok')
  })

  it('refuses calls of gRPC in an app that has none, with 415', async () => {
    const { status, body } = await ask('empty', { body: '', headers: { 'content-type': 'application/grpc+proto' } })
    assert.deepEqual([status, JSON.parse(body).code], [415, 'CONTENT_TYPE_UNSUPPORTED'])
  })

  it('understands a preface that comes byte by byte', async test => {
    const socket = await dial(test, host)
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    const start = Buffer.concat([preface, encodeFrame(frameTypes.settings, flags.none, 0)])
    for (const byte of start) {
      socket.write(Buffer.of(byte))
      await new Promise(done => setImmediate(done))
    }
    const [settings] = (await once(socket, 'data')) as [Buffer]
    assert.equal(settings[3], frameTypes.settings)
  })

  it('closes a connection whose client sends no more', async () => {
    const client = await FrameClient.open(host.port)
    await client.send(encodeFrame(frameTypes.headers, flags.endHeaders, 1, encodeFields({ ':method': 'GET' }))) // malformed
    client.socket.end()
    await client.closed()
  })
})
