import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

const files = {
  'sut/service.json': { limits: { maxBodyBytes: 1000, maxQueued: 5000 } },
  'sut/1/model.onnx': identityModel('float32'),
  'big/service.json': {},
  'big/1/model.onnx': identityModel('float32'),
}
const rows = '{"data": [[1, 2]]}'

async function head(app: RunningApp, service: string, more: string): Promise<string> {
  const key = await app.keyOf(service)
  return `POST /api/v1/service/${service}/score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n${more}\r\n`
}

function open(app: RunningApp): Socket {
  const { port, hostname } = new URL(app.url)
  return connect(Number(port), hostname)
}

/** All that the server sends until it closes, or `enough` matches. */
function received(socket: Socket, enough: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', data => {
      text += data
      if (enough.test(text)) resolve(text)
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
}

describe('the HTTP server of the embedded host', () => {
  it('refuses a body over the limit, given or chunked, and goes on', async test => {
    const app = await runApp(test, files)
    await app.settled()
    const over = await app.score('sut', `{"data": [[1, 2]], "more": "${'x'.repeat(1000)}"}`)
    assert.deepEqual([over.status, ((await over.json()) as { code: string }).code], [413, 'BODY_TOO_LARGE'])
    const chunked = open(app)
    chunked.write(`${await head(app, 'sut', 'Transfer-Encoding: chunked\r\n')}7d0\r\n${' '.repeat(2000)}\r\n0\r\n\r\n`)
    assert.match(await received(chunked, /\r\n\r\n.+\}/s), /^HTTP\/1\.1 413 .*BODY_TOO_LARGE/s)
    chunked.destroy()
    const huge = open(app)
    huge.write(await head(app, 'big', `Content-Length: ${104857600 + 1}\r\n`))
    assert.match(await received(huge, /\r\n\r\n.+\}/s), /^HTTP\/1\.1 413 .*larger than 104857600 bytes/s)
    huge.destroy()
    assert.equal((await app.score('sut', rows)).status, 200)
  })

  it('goes on when a client leaves half-way', async test => {
    const app = await runApp(test, files)
    await app.settled()
    const leave = async () => {
      const socket = open(app)
      socket.write(`${await head(app, 'sut', 'Content-Length: 900\r\n')}{"data": [[1,`)
      await new Promise(done => setImmediate(done))
      socket.destroy()
    }
    await Promise.all(Array.from({ length: 50 }, leave))
    assert.equal(await (await app.score('sut', rows)).text(), '[[1.0, 2.0]]')
    assert.doesNotMatch(app.output(), /unexpected failure/)
  })

  it('answers two thousand connections at once', async test => {
    const app = await runApp(test, files)
    await app.settled()
    const request = `${await head(app, 'sut', `Connection: close\r\nContent-Length: ${rows.length}\r\n`)}${rows}`
    const sockets = Array.from({ length: 2000 }, () => open(app))
    const answers = await Promise.all(
      sockets.map(socket => {
        const answer = received(socket, /never/)
        socket.write(request)
        return answer
      }),
    )
    const counts = Map.groupBy(answers, answer => answer.slice(0, 12))
    assert.deepEqual(
      [...counts].map(([status, all]) => [status, all.length]),
      [['HTTP/1.1 200', 2000]],
    )
    for (const answer of answers) assert.ok(answer.endsWith('[[1.0, 2.0]]'))
  })
})
