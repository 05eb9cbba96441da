import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, it, type TestContext } from 'vitest'
import { skipFor } from '../../support/skip-for.ts'
import { makeCertificates, noOpenssl } from '../certificates.ts'
import { dial, type Host, readAll, send, sendRaw, startHost } from '../host-child.ts'

/** What the system has sent is read in /proc. */
const noProc = process.platform !== 'linux' && 'needs /proc'

const statusesIn = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(match => Number(match[1]))

describe('HttpServer', () => {
  let host: Host
  beforeAll(async () => {
    host = await startHost(undefined, 'plain')
  })
  afterAll(() => host.kill())

  async function refusal(test: TestContext, bytes: string): Promise<[number | undefined, string]> {
    const text = await sendRaw(test, host, bytes)
    assert.match(text, /\r\nconnection: close\r\n/i, bytes)
    const [, body = ''] = text.split('\r\n\r\n')
    return [statusesIn(text)[0], (JSON.parse(body) as { code: string }).code]
  }
  const malformed = [400, 'REQUEST_MALFORMED']

  it('accepts each form of Host in RFC 3986, and only one Host header', async test => {
    const ask = (hosts: string) => `GET /api/look HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`
    for (const given of [
      'a',
      'a.b-c_d~e:80',
      '127.0.0.1:7071',
      '[::1]:7071',
      '[2001:db8::1]',
      '',
      'a:',
      '%41b',
      'a,b',
    ]) {
      const text = await sendRaw(test, host, ask(`Host: ${given}\r\n`))
      assert.deepEqual(statusesIn(text), [200], given)
    }
    for (const given of [
      '[',
      'a b',
      'a/b',
      'a@b',
      'a:b:c',
      'a:b',
      'x:99999',
      '<script>',
      '[::1',
      '::1',
      'a#b',
      'a?b',
      '%zz',
      ':80',
      'a\\b',
      '"a"',
      'gr\u00fc\u00dfe',
    ])
      assert.deepEqual(await refusal(test, ask(`Host: ${given}\r\n`)), malformed, given)
    for (const hosts of ['Host: a\r\nHost: b\r\n', 'Host: a\r\nhost: a\r\n', ''])
      assert.deepEqual(await refusal(test, ask(hosts)), malformed, hosts)
    assert.deepEqual(statusesIn(await sendRaw(test, host, 'GET /api/empty HTTP/1.0\r\n\r\n')), [200])
    assert.deepEqual(await refusal(test, 'GET /api/empty HTTP/1.0\r\nHost: [\r\n\r\n'), malformed)
  })

  it('accepts a path, an http URL, or * for OPTIONS as the target', async test => {
    const ask = (line: string) => `${line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    for (const line of ['GET /api/look', 'GET http://b/api/look', 'GET //api/look', 'OPTIONS *'])
      assert.notEqual(statusesIn(await sendRaw(test, host, ask(line)))[0], 400, line)
    for (const line of ['GET http://[/api/look', 'GET http://b:99999/api/look', 'GET foo://b/api/look', 'GET *'])
      assert.deepEqual(await refusal(test, ask(line)), malformed, line)
  })

  it('accepts HTTP/1.1 and 1.0 only', async test => {
    const unsupported = [505, 'HTTP_VERSION_UNSUPPORTED']
    assert.deepEqual(await refusal(test, 'GET /api/empty HTTP/2.0\r\nHost: a\r\n\r\n'), unsupported)
    assert.deepEqual(await refusal(test, 'GET /api/empty\r\n\r\n'), malformed)
    assert.deepEqual(await refusal(test, 'GET /api/empty HTTP/0.9\r\n\r\n'), malformed)
    assert.deepEqual(await refusal(test, 'GET /api/empty HTTP/1.2\r\nHost: a\r\n\r\n'), malformed)
  })

  it('answers earlier requests, in order, before it refuses what cannot be parsed', async test => {
    const slow = (ms: number) => `GET /api/slow?ms=${ms} HTTP/1.1\r\nHost: a\r\n\r\n`
    const post = 'POST /api/read?how=text HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody'
    const badBody = 'POST /api/read?how=text HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'
    for (const bad of ['GARBAGE\r\n\r\n', 'GET / HTTP/1.1\r\nHo st: a\r\n\r\n', badBody]) {
      const text = await sendRaw(test, host, `${slow(100)}${slow(1)}${post}${bad}`)
      assert.deepEqual(statusesIn(text), [200, 200, 200, 400], bad)
      assert.match(text, /slow but sure[\s\S]*slow but sure[\s\S]*body[\s\S]*REQUEST_MALFORMED/)
    }
    const large = await sendRaw(test, host, 'GET /api/bodies?kind=large HTTP/1.1\r\nHost: a\r\n\r\nGARBAGE\r\n\r\n')
    assert.deepEqual([statusesIn(large), large.match(/x{1000}/g)?.length], [[200, 400], 30_000])
    assert.deepEqual(
      statusesIn(await sendRaw(test, host, `${slow(1)}CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`)),
      [200, 404],
    )
  })

  const last = 'GET /api/read?how=text HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const upgrade =
    'Connection: keep-alive, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'
  it.for([
    ['without a body', `GET /api/empty HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`, /\r\n\r\nok/],
    [
      'with a body',
      `POST /api/read?how=text HTTP/1.1\r\nHost: a\r\n${upgrade}Content-Length: 4\r\n\r\nbody`,
      /\r\n\r\nbody/,
    ],
    [
      'with a chunked body',
      `POST /api/read?how=text HTTP/1.1\r\nHost: a\r\n${upgrade}Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n`,
      /\r\n\r\nbody/,
    ],
  ] as const)('ignores the Upgrade of a request %s, and answers what follows', async ([, request, answer], test) => {
    const together = await sendRaw(test, host, `${request}${request}${last}`)
    assert.deepEqual(statusesIn(together), [200, 200, 200])
    assert.match(together, answer)
    const behind = await sendRaw(test, host, `GET /api/slow?ms=50 HTTP/1.1\r\nHost: a\r\n\r\n${request}${last}`)
    assert.deepEqual(statusesIn(behind), [200, 200, 200])
    assert.match(behind, /slow but sure[\s\S]*HTTP/)
    const large = `GET /api/bodies?kind=large HTTP/1.1\r\nHost: a\r\n\r\n${request}${last}`
    assert.deepEqual(statusesIn(await sendRaw(test, host, large)), [200, 200, 200])
    const socket = await dial(test, host)
    const all = readAll(socket)
    for (const byte of `${request}${last}`) {
      socket.write(byte)
      await new Promise(done => setImmediate(done))
    }
    assert.deepEqual(statusesIn(await all), [200, 200])
  })

  it('lets a client that asks for an upgrade use one connection for long', async test => {
    const socket = await dial(test, host)
    for (let round = 0; round < 30; round++) {
      socket.write(`GET /api/empty HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`)
      assert.match(String(await once(socket, 'data')), /^HTTP\/1\.1 200 /)
    }
    assert.doesNotMatch(host.output, /Warning/)
  })

  it('shows the function the request without its Upgrade', async test => {
    const text = await sendRaw(
      test,
      host,
      'GET /api/look?a=%2F HTTP/1.1\r\nHost: a\r\nX-Id: 1\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n',
    )
    const { headers, url } = JSON.parse(text.split('\r\n\r\n')[1] as string) as { headers: object; url: string }
    assert.deepEqual([headers, url], [{ host: 'a', 'x-id': '1', connection: 'close' }, 'http://a/api/look?a=%2F'])
  })

  it('reports to the function that a client has left whose next request asks for an upgrade', async test => {
    const socket = await dial(test, host)
    socket.write(
      `GET /api/wait-for-leaver HTTP/1.1\r\nHost: a\r\n\r\nGET /api/empty HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`,
    )
    await host.see(/waiting/)
    socket.destroy()
    await host.see(/abandoned/)
    assert.equal((await send(host, '/api/empty')).status, 200)
  })

  it('ignores an Upgrade over TLS too', skipFor(noOpenssl), async test => {
    const { cert, key } = makeCertificates(test)
    const secure = await startHost(test, 'plain', { args: ['--cert', cert, '--key', key] })
    const socket = connectTls({ port: secure.port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.write(`POST /api/read?how=text HTTP/1.1\r\nHost: a\r\n${upgrade}Content-Length: 4\r\n\r\nbody${last}`)
    assert.deepEqual(statusesIn(await readAll(socket)), [200, 200])
  })
})

describe('UnreadResponses', () => {
  const unreadMs = 1000
  const environment = { SCORING_HOST_UNREAD_ANSWER_MS: String(unreadMs) }
  const ask = (socket: Socket, path: string) => {
    socket.pause()
    socket.write(`GET /api/${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  }

  it('disconnects a client that does not read, whether its response is a stream or was complete at once', async test => {
    const host = await startHost(test, 'plain', { environment })
    ask(await dial(test, host), 'bodies?kind=endless')
    await host.see(/stream ended/)
    ask(await dial(test, host), 'large')
    await host.see(/large: over/)
    assert.equal((await send(host, '/api/empty')).status, 200)
  })

  it('disconnects such a client over TLS too', skipFor(noOpenssl), async test => {
    const { cert, key } = makeCertificates(test)
    const host = await startHost(test, 'plain', { environment, args: ['--cert', cert, '--key', key] })
    const socket = connectTls({ port: host.port, host: '127.0.0.1', rejectUnauthorized: false })
    test.onTestFinished(() => void socket.destroy())
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    ask(socket, 'large')
    await host.see(/large: over/)
  })

  it('waits for a client that reads slowly, or has no response yet', skipFor(noProc), async test => {
    const host = await startHost(test, 'plain', { environment })
    const waiting = send(host, `/api/slow?ms=${unreadMs * 4}`)
    const slow = await dial(test, host)
    ask(slow, 'large')
    const until = performance.now() + unreadMs * 6
    let taken = 0
    slow.on('readable', () => {})
    while (performance.now() < until) {
      taken += (slow.read(131_072) as Buffer | null)?.length ?? 0
      await delay(50)
    }
    assert.doesNotMatch(host.output, /large: over/)
    for (let piece = slow.read(); taken < 30_000_000; piece = slow.read()) {
      taken += (piece as Buffer | null)?.length ?? 0
      if (piece === null) await once(slow, 'readable')
    }
    await host.see(/large: over/)
    assert.equal((await waiting).body, 'slow but sure')
  })
})
