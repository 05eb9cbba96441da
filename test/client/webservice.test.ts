import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { describe, it } from 'vitest'
import { BatchJob, RequestError, Webservice } from '../../src/client/index.ts'
import type { Cleaner } from '../support/cleaner.ts'

interface Seen {
  readonly authorization: string | undefined
  readonly path: string | undefined
  readonly body: string
}
type Answer = (response: ServerResponse, seen: Seen, count: number) => void

/** A service whose answers the test writes. */
async function serve(test: Cleaner, answer: Answer) {
  const seen: Seen[] = []
  const server = createServer(async (request: IncomingMessage, response) => {
    const each = { authorization: request.headers.authorization, path: request.url, body: await text(request) }
    seen.push(each)
    answer(response, each, seen.length)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/service/iris`
  return { url, seen }
}

const say = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
const failure = (code: string) => ({ message: `it is ${code}`, code })

describe('Webservice.run', () => {
  it('asks for the key again after a 401, once, for all requests together', async test => {
    let key = 'old'
    let reads = 0
    const { url, seen } = await serve(test, (response, { authorization }) =>
      authorization === 'Bearer new' ? say(response, 200, [1]) : say(response, 401, failure('BEARER_REJECTED')),
    )
    const service = new Webservice({
      url,
      key: () => {
        reads++
        return key
      },
    })
    await assert.rejects(service.run([[1]]), { name: 'RequestError', status: 401, code: 'BEARER_REJECTED' })
    assert.deepEqual([reads, seen.length], [2, 1]) // the key is the same, so it is not sent again
    key = 'new'
    reads = 0
    assert.deepEqual(await Promise.all(Array.from({ length: 5 }, () => service.run([[1]]))), [[1], [1], [1], [1], [1]])
    assert.equal(reads, 1)
    await service.run([[1]])
    assert.equal(reads, 1) // it is remembered
  })

  it('sends again what the service put off, after the time that it says', async test => {
    const { url, seen } = await serve(test, (response, _seen, count) =>
      count < 3 ? say(response, 503, failure('QUEUE_FULL'), { 'retry-after': '0' }) : say(response, 200, { ok: true }),
    )
    assert.deepEqual(await new Webservice({ url }).run({ data: [[1]] }), { ok: true })
    assert.deepEqual(
      seen.map(({ body }) => body),
      Array(3).fill('{"data":[[1]]}'),
    )
    assert.equal(seen[0]?.authorization, undefined)
  })

  it('does not wait longer than its deadline, nor for what another try does not change', async test => {
    let headers: Record<string, string> = { 'retry-after': '60' }
    let answer = failure('QUEUE_FULL')
    const { url, seen } = await serve(test, response => say(response, 503, answer, headers))
    const service = new Webservice({ url })
    await assert.rejects(service.run([[1]], { timeoutMs: 30_000 }), { code: 'QUEUE_FULL', retryAfterSeconds: 60 })
    headers = {}
    await assert.rejects(service.run([[1]]), { code: 'QUEUE_FULL' })
    headers = { 'retry-after': '0' }
    await assert.rejects(service.run([[1]], { maxRetries: 0 }), { code: 'QUEUE_FULL' })
    answer = failure('TOO_MANY_WRONG_KEYS')
    await assert.rejects(service.run([[1]]), { code: 'TOO_MANY_WRONG_KEYS' })
    await assert.rejects(service.run(new Blob(['x']).stream()), RequestError) // a stream cannot be sent twice
    assert.equal(seen.length, 5)
  })

  it('ends with its signal, and after its time limit, also while the answer comes', async test => {
    const { url } = await serve(test, response => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('[')
    })
    const service = new Webservice({ url })
    const message = 'no answer to POST …/score within 200 ms'
    await assert.rejects(service.run([[1]], { timeoutMs: 200 }), { name: 'RequestError', status: undefined, message })
    const reason = new Error('enough')
    const stop = new AbortController()
    const running = service.run([[1]], { signal: stop.signal })
    stop.abort(reason)
    await assert.rejects(running, reason)
  })

  it('says where nothing listens, and keeps the key out of it', async () => {
    const service = new Webservice({ url: 'http://127.0.0.1:9/api/v1/service/iris?code=secret', key: 'a-key' })
    await assert.rejects(service.run([[1]]), (error: RequestError) => {
      assert.match(error.message, /^could not reach http:\/\/127\.0\.0\.1:9\/api\/v1\/service\/iris\/score/)
      assert.doesNotMatch(error.message, /secret|a-key/)
      return error.status === undefined
    })
    await service.updateDeploymentState()
    assert.equal(service.state, 'Unknown')
    assert.match(service.status.reason ?? '', /^could not reach http:\/\/127\.0\.0\.1:9\/health\/ready: ./)
  })

  it('shows no key that no header can carry, and takes one with the line break of its file', async test => {
    const { url, seen } = await serve(test, response => say(response, 200, []))
    await new Webservice({ url, key: 'a-key\n' }).run('{}')
    assert.equal(seen[0]?.authorization, 'Bearer a-key')
    for (const key of ['secret\nother', 'secrét']) {
      const service = new Webservice({ url, key })
      await assert.rejects(service.run('{}'), failure => {
        assert.match(inspect(failure, { depth: 9, showHidden: true }), /^TypeError: the key or token is none/)
        return !inspect(failure, { depth: 9, showHidden: true }).includes(key)
      })
      await service.updateDeploymentState()
      assert.match(service.status.reason ?? '', /^the key or token is none/)
    }
    assert.equal(seen.length, 1)
  })

  it('takes a limit that is longer than a timer can be, and refuses one that is no number', async test => {
    const { url } = await serve(test, response => say(response, 200, [1]))
    const service = new Webservice({ url })
    for (const timeoutMs of [Number.POSITIVE_INFINITY, 2 ** 40])
      assert.deepEqual(await service.run('{}', { timeoutMs }), [1])
    await assert.rejects(service.run('{}', { timeoutMs: Number.NaN }), { name: 'TypeError', message: /not NaN$/ })
  })

  it('waits for no time that is none', async test => {
    let retryAfter = ''
    const { url, seen } = await serve(test, response =>
      say(response, 503, failure('QUEUE_FULL'), { 'retry-after': retryAfter }),
    )
    for (retryAfter of ['-1', '0x1', 'Infinity', 'Wed, 21 Oct 2015 07:28:00 GMT'])
      await assert.rejects(new Webservice({ url }).run('{}'), { code: 'QUEUE_FULL', retryAfterSeconds: undefined })
    assert.equal(seen.length, 4)
  })

  it('says that an address is not that of a service', async test => {
    const { url } = await serve(test, response => say(response, 200, { services: {} }))
    const service = new Webservice({ url })
    const expected = (member: string) => ({ name: 'RequestError', message: new RegExp(`answered without "${member}"`) })
    await assert.rejects(BatchJob.list(service).next(), expected('jobs'))
    await assert.rejects(BatchJob.submit(service, { input: { rows: [] } }), expected('status'))
    await assert.rejects(new BatchJob(service, 'nightly').wait(), expected('status'))
  })

  it('gives JSON parsed, text as text and other answers as bytes', async test => {
    const answers: [type: string, body: string, expected: unknown][] = [
      ['application/json', '[9007199254740993, NaN]', [9_007_199_254_740_993n, Number.NaN]],
      ['application/problem+json; charset=utf-8', '{"a": 1}', { a: 1 }],
      ['text/html; charset=utf-8', 'Healthy', 'Healthy'],
      ['image/png', 'PNG', new Uint8Array(Buffer.from('PNG'))],
      ['application/json', '', undefined],
    ]
    let next = 0
    const { url } = await serve(test, response => {
      const [type, body] = answers[next++]!
      response.writeHead(200, { 'content-type': type }).end(body)
    })
    const service = new Webservice({ url: `${url}/score` })
    for (const [, , expected] of answers) assert.deepEqual(await service.run('{}'), expected)
  })

  it('does not follow a redirect, which could lead the key elsewhere', async test => {
    const { url, seen } = await serve(test, response => response.writeHead(307, { location: '/elsewhere' }).end())
    await assert.rejects(new Webservice({ url, key: 'a-key' }).run('{}'), RequestError)
    assert.equal(seen.length, 1)
  })

  it('streams an answer, and passes an error that is no JSON on', async test => {
    const { url } = await serve(test, (response, _seen, count) =>
      count === 1
        ? response.writeHead(200, { 'content-type': 'text/plain' }).end('one\ntwo\n')
        : response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'),
    )
    const service = new Webservice({ url })
    assert.equal(await (await service.runRaw('{}')).text(), 'one\ntwo\n')
    await assert.rejects(service.run('{}'), { status: 502, code: undefined, message: /Bad gateway/ })
  })
})

describe('BatchJob.delete', () => {
  const job = { jobId: 'nightly', status: 'Canceled', progress: {}, createdAt: '2026-11-30T00:00:00.000Z' }

  it('does not wait for the files of a job that is gone', async test => {
    const { url, seen } = await serve(test, response => say(response, 202, { ...job, isDeleted: true }))
    await new BatchJob(new Webservice({ url }), 'nightly').delete()
    assert.equal(seen.length, 1)
  })

  it('deletes a job that is cancelled first once that has ended', async test => {
    const answers = [
      [202, { ...job, status: 'CancelRequested' }],
      [200, job],
      [202, { ...job, isDeleted: true }],
    ] as const
    const { url, seen } = await serve(test, (response, _, count) => {
      const [status, body] = answers[count - 1] ?? [500, {}]
      say(response, status, body)
    })
    await new BatchJob(new Webservice({ url }), 'nightly').delete()
    assert.equal(seen.length, 3)
  })
})
