import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

/** Holds its request until the file that the body names is there. */
const holdUntilReleased = `
  import { existsSync } from 'node:fs'
  export const init = () => {}
  export const run = async file => {
    while (!existsSync(file)) await new Promise(next => setTimeout(next, 5))
    return 'released'
  }`
const services = {
  'held/service.json': { entryScript: 'score.js', limits: { maxQueued: 2 } },
  'held/score.js': holdUntilReleased,
  'idle/service.json': { entryScript: 'score.js' },
  'idle/score.js': 'export const init = () => {}; let runs = 0; export const run = () => ++runs',
}
/** One thread, four more for a script that seems stuck, and the queue: more than that is refused. */
const moreThanFits = 20

describe('POST /score: a service that has all it can take', () => {
  let app: RunningApp
  let held: Promise<Response>[]
  const file = join(tmpdir(), `release-${process.pid}`)
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    const context = { onTestFinished: (cleanUp: unknown) => cleanUps.push(cleanUp as () => unknown) }
    app = await runApp(context as Parameters<typeof runApp>[0], services, { SCORING_MAX_THREADS: '1' })
    await app.settled()
    held = Array.from({ length: moreThanFits }, () => app.score('held', file))
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  /** Sends nothing but the head of a POST, and returns what comes back. */
  async function answerToHead(...headers: string[]): Promise<string> {
    const key = await app.keyOf('held')
    const lines = ['POST /api/v1/service/held/score HTTP/1.1', 'Host: localhost', `Authorization: Bearer ${key}`]
    return new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(app.url).port), 'localhost', () =>
        socket.write(`${[...lines, ...headers].join('\r\n')}\r\n\r\n`),
      )
      let answer = ''
      socket.setEncoding('latin1').on('error', reject)
      socket.on('close', () => resolve(answer))
      socket.on('data', text => {
        answer += text
        if (answer.startsWith('HTTP/1.1 100')) socket.destroy() // it is asked for the body
      })
    })
  }
  const refusal = async (...headers: string[]) => {
    for (;;) {
      const head = await answerToHead(...headers, 'Expect: 100-continue')
      if (!head.startsWith('HTTP/1.1 100')) return head
    }
  }

  const refused = async () => {
    const page = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
    return page.valueOf('scoring_queue_rejected_total', { scoring_service: 'held', error_type: 'QUEUE_FULL' }) ?? 0
  }

  it('refuses before it has read the body, says when to come again, and counts it', async () => {
    const before = await refused()
    for (const length of [10, 90_000_000]) {
      const head = await refusal(`Content-Length: ${length}`)
      assert.match(head, /^HTTP\/1\.1 503 /)
      assert.match(head, /\r\nretry-after: \d+\r\n/i)
      assert.match(head, /"code": "QUEUE_FULL"/)
    }
    assert.ok((await refused()) >= before + 2)
  })

  it('leaves health, documents and other services as quick to answer as ever', async () => {
    const status = async (path: string) => (await fetch(`${app.url}${path}`)).status
    for (const path of ['/', '/health/live', '/health/ready', '/api/v1/service/held'])
      assert.deepEqual([path, await status(path)], [path, 200])
    for (const path of ['/api/v1/service/held/swagger.json', '/api/v1/service/held/docs'])
      assert.deepEqual([path, await status(path)], [path, 200])
    assert.equal(await (await app.score('idle', 'x')).text(), '1')
  })

  it('answers all that it has admitted', async () => {
    await writeFile(file, '')
    cleanUps.push(() => rm(file))
    const answers = await Promise.all(
      held.map(async answer => [(await answer).status, await (await answer).text()] as const),
    )
    const released = answers.filter(([status, text]) => status === 200 && text === '"released"').length
    const turnedAway = answers.filter(([status, text]) => status === 503 && text.includes('"QUEUE_FULL"')).length
    assert.equal(released + turnedAway, moreThanFits, JSON.stringify(answers))
    assert.ok(released >= 3 && turnedAway >= 1)
  })
})

describe('the header x-scoring-timeout-ms', () => {
  const timed = (value: string) => ({ 'x-scoring-timeout-ms': value })

  it('shortens the time in which an answer has to come', async test => {
    const app = await runApp(test, services)
    await app.settled()
    const late = await app.score('held', '/no/such/file', timed('60'))
    assert.equal(await late.text(), '{"message": "Scoring timeout after 60 ms", "code": "SCORING_TIMEOUT"}')
    assert.deepEqual([late.status, late.headers.get('x-ms-run-function-failed')], [504, 'True'])
    for (const value of ['60000', '0060000', '9999999999'])
      assert.equal((await app.score('idle', 'x', timed(value))).status, 200, value)
    for (const value of ['', '0', '-1', '1.5', '1e3', '5s', '10, 20', '99999999999']) {
      const response = await app.score('idle', 'x', timed(value))
      const message =
        'the header x-scoring-timeout-ms must be a whole number of milliseconds from 1 to 9999999999, e.g. 500'
      assert.deepEqual([response.status, await response.json()], [400, { message, code: 'HEADER_INVALID' }], value)
    }
  })
})
