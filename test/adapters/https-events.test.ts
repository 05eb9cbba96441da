import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { httpsEvents, isPrivate } from '../../src/adapters/local/https-events.ts'
import { makeCertificates, noOpenssl } from '../host/certificates.ts'

describe.skipIf(noOpenssl)('httpsEvents', () => {
  const received: { type: string | undefined; body: string }[] = []
  const cleanUps: (() => unknown)[] = []
  const authorities = getCACertificates()
  let url = ''
  let authority = ''
  beforeAll(async () => {
    const { cert, key } = makeCertificates({ onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
    authority = readFileSync(cert, 'utf8')
    // Answers with the status that the path names.
    const server = createServer({ cert: authority, key: readFileSync(key) }, async (request, response) => {
      let body = ''
      for await (const piece of request) body += piece
      received.push({ type: request.headers['content-type'], body })
      if (request.url === '/101') return
      response.writeHead(Number(request.url?.slice(1)), { location: `${url}/200` }).end('thanks')
    }).listen(0, '127.0.0.1')
    server.on('request', ({ url: path, socket }) => {
      if (path === '/101')
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    })
    await once(server, 'listening')
    url = `https://localhost:${(server.address() as AddressInfo).port}`
    cleanUps.push(() => server.close())
  })
  afterAll(() => {
    setDefaultCACertificates(authorities)
    for (const cleanUp of cleanUps) cleanUp()
  })

  it('refuses a certificate that nobody vouches for', async () => {
    await assert.rejects(httpsEvents.post(`${url}/200`, '{}'), /^Error: localhost:\d+: \w*SELF_SIGNED_CERT\w*$/)
    assert.deepEqual(received, [])
  })

  it('posts JSON of CloudEvents, takes any 2xx, and follows no redirect', async () => {
    setDefaultCACertificates([...authorities, authority])
    for (const status of [200, 202, 204]) await httpsEvents.post(`${url}/${status}`, '{"specversion":"1.0"}')
    assert.deepEqual(
      received,
      Array(3).fill({ type: 'application/cloudevents+json; charset=utf-8', body: '{"specversion":"1.0"}' }),
    )
    for (const status of [301, 307, 410, 503])
      await assert.rejects(httpsEvents.post(`${url}/${status}`, '{}'), {
        message: `${new URL(url).host} answered with status ${status}`,
      })
    await assert.rejects(httpsEvents.post(`${url}/101`, '{}'), /^Error: localhost:\d+ closed the connection without an/)
    assert.equal(received.length, 8)
    await assert.rejects(httpsEvents.post('https://localhost:1/', '{}'), { message: 'localhost:1: ECONNREFUSED' })
  })

  it('sends to no private address, however it is written', async () => {
    const inside = ['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0']
    const mapped = ['::1', '::', 'fe80::1', 'fd00::1', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', 'ff02::1']
    for (const address of [...inside, ...mapped]) assert.ok(isPrivate(address), address)
    for (const address of ['168.63.129.16', '2002:7f00:1::', '64:ff9b:1::a00:1', 'fec0::1'])
      assert.ok(isPrivate(address), address)
    const own = url.replace('localhost', '127.0.0.1')
    for (const target of [own, url.replace('localhost', '[::ffff:127.0.0.1]'), 'https://169.254.169.254'])
      await assert.rejects(httpsEvents.post(`${target}/200`, '{}'), /: its address is that of a private network$/)
    for (const address of ['20.60.1.1', '172.32.0.1', '2603:1030::1', '::ffff:20.60.1.1'])
      assert.ok(!isPrivate(address), address)
  })
})
