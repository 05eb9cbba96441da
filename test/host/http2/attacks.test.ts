import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, it } from 'vitest'
import {
  encodeFields,
  encodeFrame,
  encodeRequest,
  encodeSettings,
  FrameClient,
  flags,
  frameTypes,
  uint32,
} from '../../support/http2-frames.ts'
import { type Host, send, startHost } from '../host-child.ts'

/** `ATTACK_ROUNDS=100 npx vitest run test/host/http2/attacks.test.ts` attacks for longer. */
const rounds = Number(process.env.ATTACK_ROUNDS ?? 1)
/** What all attacks together may leave behind: each of them sends more. */
const maxGrowthMiB = 150

/** ENHANCE_YOUR_CALM (RFC 9113, section 7). */
const enhanceYourCalm = 11

/** Resident memory in MiB; undefined where there is no /proc. */
function readMemory({ process: { pid } }: Host): number | undefined {
  const file = `/proc/${pid}/status`
  if (!existsSync(file)) return undefined
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(file, 'latin1'))?.[1]) / 1024
}

const head = encodeFields({ ':method': 'GET', ':scheme': 'http', ':path': '/api/empty', ':authority': 'a' })
const repeat = (times: number, frame: Buffer) => Buffer.concat(Array.from({ length: times }, () => frame))
const openWindow = (streamId: number, bytes: number) =>
  encodeFrame(frameTypes.windowUpdate, flags.none, streamId, uint32(bytes))
const ping = encodeFrame(frameTypes.ping, flags.none, 0, Buffer.alloc(8))

/** Runs `step` with one stream after the other, until the server closes the connection or there were enough. */
async function withStreams(client: FrameClient, times: number, step: (streamId: number) => Buffer): Promise<void> {
  for (let count = 0; count < times && !client.socket.destroyed; count += 50)
    await client.flood(Buffer.concat(Array.from({ length: 50 }, (_, index) => step(2 * (count + index) + 1))), 1)
}

type Attack = (client: FrameClient) => Promise<void>

/** The attacks after which the connection is closed. */
const attacks: Readonly<Record<string, Attack>> = {
  'resets each request at once': client =>
    withStreams(client, 10_000, id =>
      Buffer.concat([encodeRequest(id, '/api/empty'), encodeFrame(frameTypes.reset, flags.none, id, uint32(8))]),
    ),
  'opens 10,000 requests and sends no body': client =>
    withStreams(client, 10_000, id => encodeRequest(id, '/api/read?how=text', { hasBody: true })),
  'never ends its header fields': async client => {
    await client.send(encodeFrame(frameTypes.headers, flags.none, 1, head))
    await client.flood(
      encodeFrame(frameTypes.continuation, flags.none, 1, encodeFields({ x: 'y'.repeat(16_000) })),
      5000,
    )
  },
  'never ends its header fields, in frames without any': async client => {
    await client.send(encodeFrame(frameTypes.headers, flags.none, 1, head))
    await client.flood(repeat(100, encodeFrame(frameTypes.continuation, flags.none, 1)), 1000)
  },
  'sends PING all the time': client => client.flood(repeat(100, ping), 10_000),
  'sends PING all the time and does not read': async client => {
    client.socket.pause()
    await client.flood(repeat(100, ping), 10_000)
    client.socket.resume()
  },
  'sends SETTINGS all the time': client => client.flood(repeat(100, encodeSettings({ 4: 65_535 })), 10_000),
  'sends PRIORITY all the time': client =>
    client.flood(repeat(100, encodeFrame(frameTypes.priority, flags.none, 3, Buffer.of(0, 0, 0, 1, 5))), 10_000),
  'sends empty DATA all the time': async client => {
    await client.send(encodeRequest(1, '/api/read?how=text', { hasBody: true }))
    await client.flood(repeat(100, encodeFrame(frameTypes.data, flags.none, 1)), 10_000)
  },
  'sends more of a body than it may': async client => {
    await client.send(encodeRequest(1, '/api/slow?ms=1000', { hasBody: true }))
    await client.flood(encodeFrame(frameTypes.data, flags.none, 1, Buffer.alloc(16_384)), 10_000)
  },
  'opens its window beyond all limits': client => client.send(repeat(2, openWindow(0, 2 ** 31 - 1))),
  'opens the window of a stream that it has not begun': client => client.send(openWindow(5, 1)),
  'opens the window of a stream by nothing': async client => {
    await client.send(encodeRequest(1, '/api/slow?ms=1000', { hasBody: true }))
    await client.send(openWindow(1, 0))
  },
  'asks for answers and opens no window': async client => {
    await client.send(encodeSettings({ 4: 0 }))
    await withStreams(client, 100, id => encodeRequest(id, '/api/bodies?kind=endless'))
  },
  'asks for answers, opens all windows and does not read': async client => {
    client.socket.pause()
    await client.send(Buffer.concat([encodeSettings({ 4: 2 ** 30 }), openWindow(0, 2 ** 30)]))
    await withStreams(client, 100, id => encodeRequest(id, '/api/bodies?kind=endless'))
    await new Promise(resolve => setTimeout(resolve, 1500)) // a socket that is not read does not tell that it was closed
    client.socket.resume()
  },
  'sends bytes that are no frames': client => client.send(Buffer.alloc(1000, 0xff)),
}

/** Those that end the request only, with a status or a code. */
const oversized: Readonly<Record<string, Buffer>> = {
  'with 100 KB of header fields': Buffer.concat([
    encodeFrame(frameTypes.headers, flags.endStream, 1, head),
    ...[1, 2, 3, 4, 5, 6].map(part =>
      encodeFrame(frameTypes.continuation, part === 6 ? flags.endHeaders : flags.none, 1, longField(part)),
    ),
  ]),
  // One field that goes into the table, and 10,000 references to it: 30 MB of fields in 13 KB.
  'with header fields that unpack to 30 MB': encodeFrame(
    frameTypes.headers,
    flags.endStream | flags.endHeaders,
    1,
    Buffer.concat([head, Buffer.of(0x40), longField(0, 3000).subarray(1), Buffer.alloc(10_000, 0x80 | 62)]),
  ),
}

function longField(part: number, length = 16_000): Buffer {
  return encodeFields({ [`x${part}`]: 'y'.repeat(length) })
}

describe('the HTTP server of the embedded host, when a client of HTTP/2', () => {
  let host: Host
  let memory: number | undefined
  beforeAll(async () => {
    host = await startHost(undefined, 'plain', { environment: { SCORING_HOST_UNREAD_ANSWER_MS: '400' } })
    await send(host, '/api/empty')
    memory = readMemory(host)
  })
  afterAll(() => host.kill())

  /** Asks over HTTP/1.1 as long as the work goes on. */
  async function whileServing(work: Promise<void>): Promise<void> {
    let isOver = false
    const over = work.finally(() => {
      isOver = true
    })
    for (;;) {
      assert.equal((await send(host, '/api/empty')).status, 200)
      if (isOver) return over
    }
  }

  it.each(Object.entries(attacks))('%s, closes the connection', { timeout: 120_000 * rounds }, async (_, attack) => {
    for (let round = 0; round < rounds; round++) {
      const client = await FrameClient.open(host.port)
      await whileServing(attack(client).then(() => client.closed()))
      assert.notEqual(client.goawayCode, 0) // undefined when a reset of the connection has overtaken it
    }
  })

  it.each(Object.entries(oversized))('sends a request %s, refuses it', async (_, request) => {
    const client = await FrameClient.open(host.port)
    await client.send(Buffer.concat([request, encodeRequest(3, '/api/empty')]))
    await client.frame(frameTypes.data) // the answer to the second request, or why the first was refused
    const [reset] = client.frames.filter(({ type }) => type === frameTypes.reset)
    const [refusal] = client.frames.filter(({ type, streamId }) => type === frameTypes.data && streamId === 1)
    if (reset) assert.deepEqual([reset.streamId, reset.payload.readUInt32BE()], [1, enhanceYourCalm])
    else assert.match(String(refusal?.payload), /"code": "HEADERS_TOO_LARGE"/)
    client.socket.destroy()
  })

  // Each is a valid frame, kept nowhere, and takes 40 ns: less than as many bytes of a body.
  it('opens its windows byte by byte, is answered, as all others are', { timeout: 30_000 }, async () => {
    const client = await FrameClient.open(host.port)
    await client.send(encodeRequest(1, '/api/read?how=text', { hasBody: true }))
    await whileServing(client.flood(repeat(1000, Buffer.concat([openWindow(0, 1), openWindow(1, 1)])), 200))
    await client.send(encodeFrame(frameTypes.data, flags.endStream, 1, Buffer.from('a')))
    const answer = await client.frame(frameTypes.data)
    assert.equal(answer.streamId, 1)
    client.socket.destroy()
  })

  it('has done all that, has no more memory than before, and runs', async () => {
    const growth = (readMemory(host) ?? 0) - (memory ?? 0)
    assert.ok(growth < maxGrowthMiB, `${growth} MiB more`)
    assert.doesNotMatch(host.output, /Uncaught|Unhandled|Warning/)
  })
})
