import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { dial, type Host, readAll, send, sendRaw, startHost } from '../host-child.ts'

const limit = 100_000

describe('EmbeddedHttpRequest', () => {
  let host: Host
  beforeAll(async () => {
    host = await startHost(undefined, 'plain', { environment: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: String(limit) } })
  })
  afterAll(() => host.kill())
  const read = (how: string, body: string | Uint8Array | string[], headers = {}) =>
    send(host, `/api/read?how=${how}`, { body, headers })

  it('reads a body into an ArrayBuffer that can be transferred', async () => {
    for (const body of ['', 'x', 'x'.repeat(limit)]) {
      const { body: seen } = await read('arrayBuffer', body)
      assert.deepEqual(JSON.parse(seen), { size: body.length, transferred: body.length, detached: 0, used: true })
    }
  })

  it('reads chunked bodies', async () => {
    const pieces = Array.from({ length: 50 }, (_, index) => String(index).repeat(997))
    const { body } = await read('text', pieces)
    assert.equal(body, pieces.join(''))
  })

  it('refuses a body over the limit, declared or chunked, and accepts one at the limit', async () => {
    const refused = { name: 'BodyTooLarge', limitBytes: limit }
    for (const how of ['arrayBuffer', 'text', 'json', 'stream', 'blob']) {
      const announced = await read(how, 'x'.repeat(limit + 1))
      const chunked = await read(how, ['x'.repeat(limit), 'x'])
      assert.deepEqual([announced.status, JSON.parse(announced.body)], [413, refused], how)
      assert.deepEqual([chunked.status, JSON.parse(chunked.body)], [413, refused], how)
    }
    assert.equal(JSON.parse((await read('arrayBuffer', ['x'.repeat(limit - 1), 'x'])).body).size, limit)
    assert.equal(JSON.parse((await read('stream', 'x'.repeat(limit))).body).size, limit)
  })

  it('reads text, JSON, blobs, forms, streams and copies', async () => {
    assert.equal((await read('text', '\uFEFFgrüße')).body, 'grüße')
    assert.deepEqual(JSON.parse((await read('json', '{"a": [1]}')).body), { a: [1] })
    assert.deepEqual(JSON.parse((await read('blob', 'blob')).body), { size: 4 })
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    assert.deepEqual(JSON.parse((await read('form', 'a=1&b=2', type)).body), { a: '1', b: '2' })
    assert.deepEqual(JSON.parse((await read('clone', 'both')).body), ['both', 'both'])
    assert.equal((await read('echo', ['e', 'cho'])).body, 'echo')
    assert.equal((await read('echo', 'e'.repeat(limit))).body.length, limit)
  })

  it('refuses a second read', async () => {
    assert.equal(JSON.parse((await read('twice', 'once')).body).name, 'TypeError')
  })

  it('has no body for GET, whatever the client sends', async () => {
    const { body } = await send(host, '/api/read?how=text', { method: 'GET', body: 'dropped' })
    assert.equal(body, '')
  })

  it('rejects with BodyAborted when the client leaves before the end', async test => {
    const socket = await dial(test, host)
    socket.write('POST /api/aborted HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf')
    await host.see(/reading/)
    socket.destroy()
    await host.see(/read failed: BodyAborted/)
  })

  it('reports that the client has left', async test => {
    const socket = await dial(test, host)
    socket.write('GET /api/wait-for-leaver HTTP/1.1\r\nHost: a\r\n\r\n')
    await host.see(/waiting/)
    socket.destroy()
    await host.see(/abandoned/)
    assert.equal((await send(host, '/api/empty')).status, 200) // the response without a client did no harm
  })

  it('reuses the connection after a small body that the function did not read', async test => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    test.onTestFinished(() => void agent.destroy())
    const sockets = new Set<unknown>()
    agent.on('free', socket => sockets.add(socket))
    for (let round = 0; round < 3; round++) {
      assert.equal((await send(host, '/api/unread', { body: 'x'.repeat(50_000), agent })).status, 401)
      assert.equal((await send(host, '/api/read?how=some', { body: 'x'.repeat(50_000), agent })).status, 200)
      assert.equal((await send(host, '/api/nosuch', { body: ['x', 'y'], agent })).status, 404)
    }
  })

  it('lets a client that sends everything first read the response to a body that was not read', async test => {
    const size = 30_000_000
    const socket = await dial(test, host)
    socket.write(`POST /api/unread HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
    // Nothing is read before all is sent, as simple clients do.
    socket.pause()
    for (let sent = 0; sent < size; sent += 1_000_000) {
      if (!socket.write(Buffer.alloc(1_000_000))) await once(socket, 'drain')
    }
    const answer = await readAll(socket.resume())
    assert.match(answer, /^HTTP\/1\.1 401 Unauthorized\r\n/)
    assert.match(answer, /connection: close\r\n/i)
    assert.match(answer, /\r\n\r\nno$/)
  })

  it('sends 100 Continue when the body is read, and only then', async test => {
    const head = (path: string) =>
      `POST /api/${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n`
    const socket = await dial(test, host)
    socket.write(head('read?how=text'))
    const [first] = await once(socket, 'data')
    assert.match(String(first), /^HTTP\/1\.1 100 Continue\r\n\r\n$/)
    socket.write('hi')
    assert.match(await readAll(socket), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nhi$/)

    const refused = await sendRaw(test, host, head('unread'))
    assert.match(refused, /^HTTP\/1\.1 401 [\s\S]*connection: close/)
    assert.match(await sendRaw(test, host, head('nosuch')), /^HTTP\/1\.1 404 /)
    assert.match(await sendRaw(test, host, 'GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n'), /^HTTP\/1\.1 417 /)
  })
})

describe('HttpServer', () => {
  it('serves 2,000 connections at once', async test => {
    const host = await startHost(test, 'plain')
    const sockets = await Promise.all(Array.from({ length: 2000 }, () => dial(test, host)))
    const answers = sockets.map(socket => once(socket, 'data'))
    for (const socket of sockets) socket.write('GET /api/empty HTTP/1.1\r\nHost: a\r\n\r\n')
    const texts = (await Promise.all(answers)).map(([data]) => String(data))
    assert.ok(texts.every(text => text.startsWith('HTTP/1.1 200 OK') && text.endsWith('ok')))
  })
})
