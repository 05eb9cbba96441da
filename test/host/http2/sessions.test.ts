import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { WaitingReceiver } from '../../../src/host/http/receiver.ts'
import { defaultLimits, type Http2Limits } from '../../../src/host/http2/limits.ts'
import { Http2Sessions } from '../../../src/host/http2/sessions.ts'
import type { Cleaner } from '../../support/cleaner.ts'
import { encodeFrame, encodeRequest, FrameClient, flags, frameTypes, uint32 } from '../../support/http2-frames.ts'

/** Never answers until `start` is called; then with a head at once, and with `bytes` of a body. */
async function serve(test: Cleaner, limits: Partial<Http2Limits>, { unreadMs = 60_000, bytes = 0 } = {}) {
  const receiver = new WaitingReceiver()
  const sessions = new Http2Sessions(receiver, { ...defaultLimits, checkMs: 20, ...limits })
  sessions.dropUnreadAfter(unreadMs)
  const server = createServer(socket => sessions.accept(socket)).listen(0, '127.0.0.1')
  test.onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const clients: FrameClient[] = []
  test.onTestFinished(() => {
    for (const { socket } of clients) socket.destroy()
  })
  return {
    sessions,
    answer() {
      receiver.start({
        request(_, outgoing) {
          outgoing.writeHead(200, [])
          outgoing.end(Buffer.alloc(bytes))
        },
        grpc(stream, headers) {
          stream.respond()
          const writeNext = (failure?: Error | null) => {
            if (!failure) stream.write('xx', writeNext)
          }
          if (headers[':path'] === '/endless') writeNext()
        },
      })
    },
    async connect(settings?: Record<number, number>) {
      const client = await FrameClient.open(port, settings)
      clients.push(client)
      await client.frame(frameTypes.settings)
      return client
    },
  }
}

const resetCode = async (client: FrameClient) => (await client.frame(frameTypes.reset)).payload.readUInt32BE()

describe('Http2Sessions', () => {
  it('closes the connection that has been idle for longest when there are too many', async test => {
    const { connect } = await serve(test, { maxIdleSessions: 2 })
    const busy = await connect()
    await busy.send(encodeRequest(1, '/'))
    const [first, second, third] = [await connect(), await connect(), await connect()]
    await first.closed()
    assert.equal(first.goawayCode, 0)
    assert.deepEqual(
      [busy, second, third].map(({ socket }) => socket.closed),
      [false, false, false],
    )
  })

  it('closes a connection without requests after a while, and none with one', async test => {
    const { connect, answer } = await serve(test, { idleMs: 1000 })
    const [idle, busy] = [await connect(), await connect()]
    await busy.send(encodeRequest(1, '/'))
    await idle.closed()
    await delay(1500)
    answer()
    await busy.frame(frameTypes.headers)
    await busy.closed()
  })

  it('refuses requests beyond the limit of all connections, until others have ended', async test => {
    const { connect } = await serve(test, { maxOpenStreams: 2 })
    const [one, other] = [await connect(), await connect()]
    await one.send(Buffer.concat([encodeRequest(1, '/'), encodeRequest(3, '/')]))
    await one.send(encodeFrame(frameTypes.ping, flags.none, 0, Buffer.alloc(8)))
    await one.frame(frameTypes.ping)
    await other.send(encodeRequest(1, '/'))
    assert.equal(await resetCode(other), 7) // REFUSED_STREAM: the client may try again
    await one.send(encodeFrame(frameTypes.reset, flags.none, 1, uint32(8)))
    await other.send(encodeRequest(3, '/'))
    await delay(50)
    assert.equal(other.frames.filter(({ type }) => type === frameTypes.reset).length, 1)
  })

  it('answers a request whose body does not come in time with 408, and breaks off one that has an answer', async test => {
    const { connect, answer } = await serve(test, { requestMs: 100 })
    const late = await connect()
    await late.send(encodeRequest(1, '/', { hasBody: true }))
    await late.frame(frameTypes.headers)
    const [body] = late.frames.filter(({ type }) => type === frameTypes.data)
    assert.match(String(body?.payload), /"code": "REQUEST_TIMEOUT"/)
    answer()
    const answered = await connect()
    await answered.send(encodeRequest(1, '/', { hasBody: true }))
    assert.equal(await resetCode(answered), 2)
  })

  it('holds back calls until the app has started, and drops those whose clients have left', async test => {
    const { connect, answer } = await serve(test, {})
    const client = await connect()
    const more = { 'content-type': 'application/grpc' }
    for (const streamId of [1, 3]) await client.send(encodeRequest(streamId, '/', { hasBody: true, more }))
    await client.send(encodeFrame(frameTypes.reset, flags.none, 1, uint32(8)))
    await delay(50)
    assert.deepEqual(
      client.frames.filter(({ type }) => type === frameTypes.headers),
      [],
    )
    answer()
    assert.equal((await client.frame(frameTypes.headers)).streamId, 3)
  })

  it('leaves the time of a call to the handler of gRPC', async test => {
    const { connect, answer } = await serve(test, { requestMs: 50 })
    answer()
    const client = await connect()
    const more = { 'content-type': 'application/grpc' }
    await client.send(encodeRequest(1, '/', { hasBody: true, more }))
    await client.frame(frameTypes.headers)
    await delay(200)
    assert.deepEqual(
      client.frames.filter(({ type }) => type === frameTypes.reset),
      [],
    )
  })
})

describe('UnreadStreams', () => {
  const noWindow = { 4: 0 } // SETTINGS_INITIAL_WINDOW_SIZE
  const increase = (streamId: number, bytes: number) => encodeFrame(frameTypes.windowUpdate, 0, streamId, uint32(bytes))

  it('disconnects a client that asks for answers and opens no window for them', async test => {
    const { connect, answer } = await serve(test, {}, { unreadMs: 200, bytes: 100_000 })
    answer()
    const client = await connect(noWindow)
    await client.send(Buffer.concat([encodeRequest(1, '/'), encodeRequest(3, '/')]))
    await client.closed()
    assert.equal(client.goawayCode, 11) // ENHANCE_YOUR_CALM
  })

  it('waits for a client that takes its answer slowly, and not for an answer that is never taken', async test => {
    const { connect, answer } = await serve(test, {}, { unreadMs: 1000 })
    answer()
    const client = await connect(noWindow)
    const more = { 'content-type': 'application/grpc' }
    for (const streamId of [1, 3]) await client.send(encodeRequest(streamId, '/endless', { hasBody: true, more }))
    while (!client.socket.closed && !client.frames.some(({ type }) => type === frameTypes.reset)) {
      await client.send(increase(1, 1))
      await delay(20)
    }
    const reset = await client.frame(frameTypes.reset)
    assert.deepEqual([reset.streamId, client.socket.closed], [3, false])
    const taken = client.frames.filter(({ type, streamId }) => type === frameTypes.data && streamId === 1)
    assert.ok(taken.length > 10, `${taken.length}`)
  })
})
