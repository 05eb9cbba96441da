import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ClientHttp2Session } from 'node:http2'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { skipFor } from '../../support/skip-for.ts'
import { makeCertificates, noOpenssl } from '../certificates.ts'
import { type Host, send, startHost } from '../host-child.ts'
import { encodeMessage, grpcHeaders, openSession, sendHttp2 } from './http2-client.ts'

const call = (session: ClientHttp2Session, method: string, text = 'hello') =>
  sendHttp2(session, `/test.Echo/${method}`, { body: encodeMessage(text), headers: grpcHeaders })

describe('registerGrpc', () => {
  let host: Host
  beforeAll(async () => {
    host = await startHost(undefined, 'grpc')
  })
  afterAll(() => host.kill())

  it('takes one handler, while the app starts', async () => {
    assert.deepEqual(JSON.parse((await send(host, '/api/refusals')).body), [
      'A handler of gRPC is already registered.',
      'The handler of gRPC can only be registered during app startup.',
    ])
  })

  it('gives the handler whole streams, which it answers with trailers', async test => {
    const session = await openSession(test, host.url)
    const { status, headers, body, trailers } = await call(session, 'Say')
    assert.deepEqual([status, headers['content-type'], body], [200, 'application/grpc', String(encodeMessage('hello'))])
    assert.deepEqual([trailers?.['grpc-status'], trailers?.['grpc-message']], ['0', 'as%20wished'])
    assert.equal((await call(session, 'Refuse')).trailers?.['grpc-status'], '3')
    const large = await call(session, 'Say', 'x'.repeat(5_000_000))
    assert.equal(large.body.length, 5_000_005)
    const unknown = await call(session, 'Nosuch')
    assert.deepEqual([unknown.headers['grpc-status'], unknown.trailers], ['12', undefined])
  })

  it('gives it POST with a media type of gRPC only; all else is a request', async test => {
    const session = await openSession(test, host.url)
    const type = async (method: string, type: string) => {
      const headers = { 'content-type': type }
      return (await sendHttp2(session, '/test.Echo/Nosuch', { method, headers, body: '' })).status
    }
    for (const media of ['application/grpc', 'application/grpc+proto', 'Application/GRPC; a=b'])
      assert.equal(await type('POST', media), 200, media)
    assert.deepEqual([await type('PUT', 'application/grpc'), await type('POST', 'application/json')], [404, 404])
    assert.equal((await send(host, '/test.Echo/Say', { body: '', headers: grpcHeaders })).status, 404) // HTTP/1.1
  })

  it('runs many calls and requests on one connection at once', async test => {
    const session = await openSession(test, host.url)
    const calls = Array.from({ length: 200 }, async (_, index) => {
      const text = `call ${index}`
      if (index % 4 === 0) return assert.equal((await sendHttp2(session, '/api/refusals')).status, 200)
      assert.equal((await call(session, 'Say', text)).body, String(encodeMessage(text)))
    })
    await Promise.all(calls)
  })

  it('tells the handler that a client has given up', async test => {
    const session = await openSession(test, host.url)
    const stream = session.request({ ':path': '/test.Echo/Wait', ':method': 'POST', ...grpcHeaders })
    stream.on('error', () => {})
    await host.see(/grpc: waiting/)
    stream.close(8)
    await host.see(/grpc: left with 8/)
  })

  it('ends the stream of a handler that throws, and nothing else', async test => {
    const session = await openSession(test, host.url)
    const other = call(session, 'SaySlowly')
    await assert.rejects(call(session, 'Throw'))
    await host.see(/The handler of gRPC failed: Error: thrown on purpose/)
    assert.equal((await other).trailers?.['grpc-status'], '0')
  })

  it('takes calls on a second port too, in clear text and with TLS', skipFor(noOpenssl), async test => {
    const { cert, key } = makeCertificates(test)
    const port = (of: Host) => of.see(/, and on port (\d+)/).then(([, port]) => Number(port))
    const plain = await startHost(test, 'grpc', { args: ['--grpc-port', '0'] })
    const secure = await startHost(test, 'grpc', { args: ['--grpc-port', '0', '--cert', cert, '--key', key] })
    const ca = readFileSync(cert)
    const urls = [
      plain.url,
      `http://localhost:${await port(plain)}`,
      secure.url,
      `https://localhost:${await port(secure)}`,
    ]
    for (const url of urls) {
      const session = await openSession(test, url, { ca })
      assert.equal((await call(session, 'Say')).trailers?.['grpc-status'], '0', url)
      assert.equal((await sendHttp2(session, '/api/refusals')).status, 200, url)
    }
    assert.equal((await send({ port: await port(plain) }, '/api/refusals')).status, 200)
  })

  it('takes calls on the port that HTTP20_ONLY_PORT names', async test => {
    const free = await startHost(test, 'grpc')
    await free.kill()
    const environment = { HTTP20_ONLY_PORT: String(free.port) }
    const own = await startHost(test, 'grpc', { environment })
    await own.see(new RegExp(`, and on port ${free.port}\n`))
    assert.equal((await call(await openSession(test, `http://localhost:${free.port}`), 'Say')).status, 200)
  })
})

describe('HttpServer.drain with clients of HTTP/2', () => {
  it('completes calls and requests in progress, takes no more, and ends', async test => {
    const host = await startHost(test, 'grpc')
    const idle = await openSession(test, host.url)
    const session = await openSession(test, host.url)
    const ends = [once(session, 'goaway'), once(idle, 'close')]
    const slow = call(session, 'SaySlowly')
    await host.see(/grpc: begun/)
    host.process.kill('SIGTERM')
    await Promise.all(ends)
    assert.equal((await slow).trailers?.['grpc-status'], '0')
    assert.equal(await host.ended(), 0)
  })
})
