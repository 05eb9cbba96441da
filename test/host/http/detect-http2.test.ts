import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, it } from 'vitest'
import { detectHttp2 } from '../../../src/host/http/detect-http2.ts'
import type { Cleaner } from '../../support/cleaner.ts'

/** Resolves with what was detected, and with the bytes that can still be read. */
async function detect(test: Cleaner, send: (socket: Socket) => void) {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  test.onTestFinished(() => {
    client.destroy()
    server.close()
  })
  const [socket] = (await once(server, 'connection')) as [Socket]
  test.onTestFinished(() => void socket.destroy())
  const found = new Promise<boolean | 'silent' | 'closed'>(resolve => {
    detectHttp2(socket, 100, { onDetected: resolve, onSilent: () => resolve('silent') })
    socket.once('close', () => resolve('closed'))
  })
  send(client)
  const isHttp2 = await found
  return { isHttp2, bytes: typeof isHttp2 === 'boolean' ? await text(socket) : undefined }
}

describe('detectHttp2', () => {
  it.for([
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', true],
    ['PRI', true],
    ['POST / HTTP/1.1\r\n\r\n', false],
    ['PROPFIND / HTTP/1.1\r\n\r\n', false],
    ['PR', false],
    ['G', false],
    ['', false],
  ] as const)('tells the protocol by the first bytes, %j, and leaves them', async ([sent, isHttp2], test) => {
    assert.deepEqual(await detect(test, client => client.end(sent)), { isHttp2, bytes: sent })
  })

  it('waits for more bytes while they may be either, but not for long', async test => {
    const inPieces = await detect(test, async client => {
      client.write('P')
      await new Promise(resolve => setTimeout(resolve, 20))
      client.end('UT / HTTP/1.1\r\n\r\n')
    })
    assert.deepEqual(inPieces, { isHttp2: false, bytes: 'PUT / HTTP/1.1\r\n\r\n' })
    assert.equal((await detect(test, () => {})).isHttp2, 'silent')
    assert.equal((await detect(test, client => client.write('PR'))).isHttp2, 'silent')
  })

  it('survives a client that leaves at once', async test => {
    assert.equal((await detect(test, client => client.resetAndDestroy())).isHttp2, 'closed')
  })
})
