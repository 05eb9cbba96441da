import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { describe, it, type TestContext } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { skipFor } from '../support/skip-for.ts'

const mebibyte = 2 ** 20
/** The largest body that the attacked service takes: half of what one may, which shows the same in half the time. */
const largest = 50 * mebibyte
const files = {
  'attacked/service.json': { limits: { maxBodyBytes: largest } },
  'attacked/1/model.onnx': identityModel('float32'),
  'other/service.json': {},
  'other/1/model.onnx': identityModel('float32'),
}
const heldBytes = 128 * mebibyte
/** What is held, what the one thread makes of a body, and room to copy one; all bodies at once would be 1 to 1.5 GB. */
const bound = heldBytes + 5 * largest

/** The most that the process ever had in memory. */
async function peakBytes(app: RunningApp): Promise<number> {
  const status = await readFile(`/proc/${app.process.pid}/status`, 'utf8')
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) * 1024
}

async function startApp(test: TestContext): Promise<RunningApp> {
  const app = await runApp(test, files, { SCORING_MAX_THREADS: '1', SCORING_MAX_HELD_BYTES: String(heldBytes) })
  await app.settled()
  await app.score('other', '{"data": [[1, 2]]}')
  return app
}

/** Asks the other service all the while. */
async function whileOthersAsk<T>(app: RunningApp, attack: Promise<T>): Promise<T> {
  let isOver = false
  const over = attack.finally(() => {
    isOver = true
  })
  let asked = 0
  do {
    const response = await app.score('other', `{"data": [[${asked}, 2]]}`)
    assert.deepEqual([response.status, await response.text()], [200, `[[${asked}.0, 2.0]]`])
    asked++
  } while (!isOver)
  return over
}

describe(
  'SCORING_MAX_HELD_BYTES: the memory of the app',
  skipFor(process.platform !== 'linux' && 'needs /proc'),
  () => {
    const spaces = Buffer.alloc(largest, ' ')
    it.for([
      ['gzip', 30, gzipSync(spaces, { level: 9 })],
      ['br', 20, brotliCompressSync(spaces, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })],
    ] as const)('stays bounded under $1 bodies of 50 MB that are small as $0', async ([coding, count, bomb], test) => {
      const app = await startApp(test)
      const before = await peakBytes(app)
      const headers = { 'content-encoding': coding }
      const answers = Promise.all(
        Array.from({ length: count }, async () => {
          const response = await app.score('attacked', bomb as Uint8Array<ArrayBuffer>, headers)
          const { code } = (await response.json()) as { code: string }
          return [response.status, code, response.headers.has('retry-after')]
        }),
      )
      const outcomes = Map.groupBy(await whileOthersAsk(app, answers), String)
      const taken = (await peakBytes(app)) - before
      assert.ok(taken < bound, `${Math.round(taken / mebibyte)} MiB`)
      for (const outcome of outcomes.keys())
        assert.ok(['400,BODY_NOT_JSON,false', '503,QUEUE_FULL,true'].includes(outcome), outcome)
      assert.ok(outcomes.has('400,BODY_NOT_JSON,false'), 'some are admitted')
    })

    it('stays bounded under 20 uploads of 49 MB that are never finished', async test => {
      const app = await startApp(test)
      const before = await peakBytes(app)
      const key = await app.keyOf('attacked')
      const { port, hostname } = new URL(app.url)
      const head = `POST /api/v1/service/attacked/score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: ${largest}\r\n\r\n`
      const sockets: Socket[] = []
      const upload = () =>
        new Promise<string>(resolve => {
          const socket = connect(Number(port), hostname)
          sockets.push(socket)
          let answer = ''
          socket
            .on('error', () => {})
            .on('data', text => {
              answer += text
              if (!answer.includes('\r\n\r\n')) return
              socket.destroy()
              resolve(answer)
            })
          socket.write(head)
          socket.write(spaces.subarray(0, 49_000_000), () => resolve('all sent'))
        })
      const answers = await whileOthersAsk(app, Promise.all(Array.from({ length: 20 }, upload)))
      const taken = (await peakBytes(app)) - before
      for (const socket of sockets) socket.destroy() // the app would wait for it when it stops
      assert.ok(taken < bound, `${Math.round(taken / mebibyte)} MiB`)
      for (const answer of answers) assert.match(answer, /^all sent$|^HTTP\/1\.1 503 [\s\S]*\r\nretry-after: 1\r\n/)
      assert.ok(answers.includes('all sent'), 'one is admitted')
    })
  },
)

describe('scoring_request_held_bytes: what a request holds', () => {
  const script = (run: string) => `export const init = () => {}; export const run = ${run}`
  const limits = { maxBodyBytes: 2 * mebibyte }
  const services = {
    'sut/service.json': { limits },
    'sut/1/model.onnx': identityModel('float32'),
    'slow/service.json': { entryScript: 'score.js', limits: { ...limits, timeoutMs: 2000 } },
    'slow/score.js': script('ms => new Promise(done => setTimeout(done, Number(ms)))'),
    'wide/service.json': { entryScript: 'score.js', limits },
    'wide/score.js': script("bytes => 'x'.repeat(Number(bytes))"),
    'mortal/service.json': { entryScript: 'score.js', limits },
    'mortal/score.js': script('() => process.exit()'),
  }

  it('is given back however it ends', async test => {
    const app = await runApp(test, services, {
      SCORING_MAX_HELD_BYTES: String(16 * mebibyte),
      SCORING_HOST_UNREAD_ANSWER_MS: '1500',
    })
    await app.settled()
    const { port, hostname } = new URL(app.url)
    const held = async () => {
      const page = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
      const of = (service: string) => page.valueOf('scoring_request_held_bytes', { scoring_service: service })
      return ['sut', 'slow', 'wide', 'mortal'].map(of)
    }
    const send = async (service: string, body: string | Uint8Array<ArrayBuffer>, headers?: Record<string, string>) => {
      const response = await app.score(service, body, headers)
      await response.arrayBuffer()
      return response.status
    }
    const raw = async (service: string, head: string, body: string | Buffer) => {
      const key = await app.keyOf(service)
      const socket = connect(Number(port), hostname).on('error', () => {})
      socket.write(
        `POST /api/v1/service/${service}/score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n${head}\r\n`,
      )
      socket.write(body)
      return socket
    }
    const rows = JSON.stringify({ data: Array(50_000).fill([1, 2]) })
    const gzip = { 'content-encoding': 'gzip' }
    const statuses = await Promise.all([
      send('sut', rows),
      send('sut', gzipSync(rows), gzip),
      send('sut', '{'),
      send('sut', gzipSync(Buffer.alloc(3 * mebibyte)), gzip),
      send('sut', rows, gzip),
      send('sut', rows, { 'content-encoding': 'zstd' }),
      send('slow', '5000'),
      send('mortal', '1'),
      send('wide', String(3 * mebibyte)),
    ])
    assert.deepEqual(statuses, [200, 200, 400, 413, 400, 415, 504, 500, 200])

    const half = await raw('sut', 'Content-Length: 1000000\r\n', Buffer.alloc(500_000))
    const chunked = await raw('sut', 'Transfer-Encoding: chunked\r\n', `7a120\r\n${' '.repeat(500_000)}\r\n`)
    const running = await raw('slow', 'Content-Length: 4\r\n', '1500')
    const unread = (await raw('wide', 'Content-Length: 8\r\n', String(30_000_000))).pause()
    const left = await raw('wide', 'Content-Length: 8\r\n', String(30_000_000))
    left.once('data', () => left.destroy())
    const seen = new Set<number>()
    while (seen.size < 3) for (const [index, bytes = 0] of (await held()).entries()) if (bytes > 0) seen.add(index)
    for (const socket of [half, chunked, running]) socket.destroy()
    while ((await held()).some(bytes => bytes !== 0)) await delay(10)
    unread.destroy()
    assert.equal(await send('sut', rows), 200)
  })
})
