import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type RunningApp, runApp } from '../support/running-app.ts'

/** Streams of a script; what has become of the last one is told by `what`. */
const score = `
  import { setTimeout as sleep } from 'node:timers/promises'
  let made = 0
  let isCancelled = false
  let open = Promise.withResolvers()
  const encoder = new TextEncoder()
  const kinds = {
    // One piece, and the next one when the client asks for "go on".
    async *steps() { yield encoder.encode('one '); await open.promise; yield 'two '; yield encoder.encode('three') },
    async *breaks() { yield 'one'; await sleep(20); throw new Error('boom') },
    async *idles() { yield 'one'; await new Promise(() => {}) },
    async *slow() { for (let n = 0; n < 8; n++) { await sleep(400); yield 'slow ' } },
    async *endless() { for (made = 1; ; made++) { yield new Uint8Array(65536); await sleep(0) } },
    async *wrong() { yield 'one'; await sleep(20); yield 1 },
    async *bursts() { for (let n = 0; n < 100; n++) yield String(n % 10) },
    async *large() { for (let n = 0; n < 64; n++) yield Buffer.alloc(65536, n) },
  }
  export const init = () => {}
  export const run = async text => {
    if (text === 'made') return made
    if (text === 'is cancelled') return isCancelled
    if (text === 'go on') { open.resolve(); return 'ok' }
    if (text === 'hangs') await new Promise(() => {})
    if (text === 'exits') process.exit(1)
    isCancelled = false
    open = Promise.withResolvers()
    const generator = kinds[text]()
    const body = new ReadableStream({
      async pull(controller) {
        const { done, value } = await generator.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel() { isCancelled = true },
    })
    return new Response(body, { status: 201, headers: { 'content-type': 'text/plain' } })
  }`

describe('POST /score: a script that answers with a stream', () => {
  let app: RunningApp
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    const services = {
      'sut/service.json': { entryScript: 'score.js', limits: { timeoutMs: 5000 } },
      'sut/score.js': score,
      'brief/service.json': { entryScript: 'score.js', limits: { timeoutMs: 3000 } },
      'brief/score.js': score,
    }
    app = await runApp({ onTestFinished: cleanUp => cleanUps.push(cleanUp as () => unknown) }, services, {
      SCORING_MAX_THREADS: '1',
    })
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })
  const textOf = async <T>(service: string, text: string) => (await (await app.score(service, text)).json()) as T
  const until = async (isSo: () => Promise<boolean>) => {
    while (!(await isSo())) await sleep(10)
  }

  it('is sent as it comes, while its thread takes other requests', async () => {
    const response = await app.score('sut', 'steps')
    assert.equal(response.status, 201)
    assert.equal(response.headers.get('content-length'), null)
    assert.equal(response.headers.get('x-ms-run-function-failed'), 'False')
    assert.match(response.headers.get('x-ms-run-fn-exec-ms') ?? '', /^\d+\.\d{3}$/)
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    const decoder = new TextDecoder()
    assert.equal(decoder.decode((await reader.read()).value), 'one ')
    assert.equal(await textOf('sut', 'go on'), 'ok') // there is one thread
    let rest = ''
    for (let next = await reader.read(); !next.done; next = await reader.read()) rest += decoder.decode(next.value)
    assert.equal(rest, 'two three')
  })

  it('has its length where all of it is there', async () => {
    const response = await app.score('sut', 'bursts')
    assert.equal(response.headers.get('content-length'), '100')
    assert.equal(await response.text(), '0123456789'.repeat(10))
  })

  it('keeps the bytes of a large one, for several callers at a time', async () => {
    const expected = Buffer.concat(Array.from({ length: 64 }, (_, n) => Buffer.alloc(65536, n)))
    const bodies = await Promise.all(
      Array.from({ length: 4 }, async () => Buffer.from(await (await app.score('sut', 'large')).arrayBuffer())),
    )
    for (const body of bodies) assert.ok(body.equals(expected))
  })

  it('may go on for longer than limits.timeoutMs, as the clock ends with run()', async () => {
    assert.equal(await (await app.score('brief', 'slow')).text(), 'slow '.repeat(8))
  })

  it.each([
    ['breaks', /request ([-\w]+): ENTRY_SCRIPT_FAILED: .*\n\[sut\] request \1: {3}caused by: Error: boom/],
    ['wrong', /caused by: TypeError: the body of a Response holds bytes or text/],
  ] as const)('ends the connection where the stream fails: $0', async (kind, why) => {
    const response = await app.score('sut', kind)
    assert.equal(response.status, 201)
    await assert.rejects(response.text(), /terminated/)
    await until(async () => why.test(app.output()))
    assert.equal(await textOf('sut', 'go on'), 'ok')
  })

  it('ends the connection where no piece comes for limits.timeoutMs, and lets the stream go', async () => {
    const response = await app.score('brief', 'idles')
    await assert.rejects(response.text(), /terminated/)
    await until(() => textOf<boolean>('brief', 'is cancelled'))
    assert.match(app.output(), /no further piece of the answer's body came within 3000 ms \(limits.timeoutMs\)/)
  })

  it('ends the connection where its thread ends', async () => {
    const response = await app.score('sut', 'steps')
    assert.equal((await app.score('sut', 'exits')).status, 500)
    await assert.rejects(response.text(), /terminated/)
    await until(async () => (await app.score('sut', 'made')).status === 200)
  })

  it('is let go when the client leaves, whether it is waiting or not', async () => {
    for (const kind of ['idles', 'endless']) {
      const leaving = new AbortController()
      const response = await fetch(`${app.url}/api/v1/service/sut/score`, {
        method: 'POST',
        body: kind,
        headers: { authorization: `Bearer ${await app.keyOf('sut')}` },
        signal: leaving.signal,
      })
      await (response.body as ReadableStream<Uint8Array>).getReader().read()
      leaving.abort()
      await until(() => textOf<boolean>('sut', 'is cancelled'))
    }
  })

  it('makes no more than the client takes', async test => {
    const { hostname, port } = new URL(app.url)
    const socket = connect(Number(port), hostname)
    test.onTestFinished(() => void socket.destroy())
    socket.pause() // its owner reads nothing
    const key = await app.keyOf('sut')
    socket.write(
      `POST /api/v1/service/sut/score HTTP/1.1\r\nHost: sut\r\nAuthorization: Bearer ${key}\r\nContent-Length: 7\r\n\r\nendless`,
    )
    let made = 0
    await until(async () => {
      const before = made
      made = await textOf<number>('sut', 'made')
      await sleep(100)
      return made > 0 && made === before
    })
    assert.ok(made < 500, `${made} pieces of 64 KiB`) // what sockets of the system hold
  })
})
