import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

const services = {
  'plain/service.json': {},
  'plain/1/model.onnx': identityModel('float32'),
  'talk/service.json': { entryScript: 'score.js' },
  'talk/score.js': `
    export const init = () => console.log('loaded')
    export const run = async text => {
      const { say, fail } = JSON.parse(text)
      console.log('begins', say)
      await new Promise(done => setTimeout(done, 30))
      console.warn('ends', say)
      console.debug('detail', say)
      if (fail) throw new Error('no price', { cause: new Error('price list is empty') })
      return say
    }`,
}

const said = (say: string, fail = false) => JSON.stringify({ say, fail })
const linesWith = (app: RunningApp, text: string) =>
  app
    .output()
    .split('\n')
    .filter(line => line.includes(text))

async function see(app: RunningApp, pattern: RegExp): Promise<void> {
  for (let looks = 0; looks < 3000 && !pattern.test(app.output()); looks++) await delay(20)
  assert.match(app.output(), pattern)
}

describe('the log of the app', () => {
  it('has a line for each request, with its id, and names the id where the script prints or fails', async test => {
    const app = await runApp(test, services)
    await app.settled()
    await app.score('plain', '{"data": [[1, 2], [3, 4]]}', { 'x-request-id': 'my-41' })
    await see(
      app,
      /^\[\d{4}-[^\]]+Z\] info \[plain\] request my-41: POST \/api\/v1\/service\/plain\/score 200, [\d.]+ ms, 2 rows$/m,
    )
    assert.equal((await app.score('talk', said('x', true), { 'x-request-id': 'my-42' })).status, 500)
    await see(
      app,
      /error \[talk\] request my-42: POST \/api\/v1\/service\/talk\/score 500 ENTRY_SCRIPT_FAILED, [\d.]+ ms$/m,
    )
    await see(app, /^\[talk\] request my-42: begins x$/m)
    await see(app, /^\[talk\] request my-42: {3}caused by: Error: price list is empty$/m)
    assert.match(app.output(), /^\[talk\] loaded$/m)
    assert.doesNotMatch(app.output(), /detail x/) // SCORING_LOG_LEVEL is info
    assert.equal(linesWith(app, '/health/').length, 0)
    const unnamed = await app.score('talk', said('y'))
    await see(app, new RegExp(`request ${unnamed.headers.get('x-request-id')}: begins y`))
  })

  it('tells concurrent requests apart', async test => {
    const app = await runApp(test, services)
    await app.settled()
    await Promise.all(
      ['a', 'b', 'c', 'd'].map(name => app.score('talk', said(`word-${name}`), { 'x-request-id': `id-${name}` })),
    )
    for (const name of ['a', 'b', 'c', 'd']) {
      await see(app, new RegExp(`request id-${name}: POST`))
      const lines = linesWith(app, `word-${name}`)
      assert.equal(lines.length, 2)
      for (const line of lines) assert.match(line, new RegExp(`^\\[talk\\] request id-${name}: (begins|ends) word-`))
    }
  })

  it('is JSON where SCORING_LOG says so', async test => {
    const app = await runApp(test, services, { SCORING_LOG: 'json', SCORING_LOG_LEVEL: 'debug' })
    await app.settled()
    await app.score('plain', '{"data": [[1, 2]]}', { 'x-request-id': 'my "41"' })
    await app.score('talk', said('x', true), { 'x-request-id': 'my-42' })
    await see(app, /"status":500/)
    const entries = app
      .output()
      .split('\n')
      .filter(line => line !== '' && !/^(Skipping '|\[\d{4}-)/.test(line)) // which the host prints itself
      .map(line => JSON.parse(line) as Record<string, unknown>)
    const of = (id: string) => entries.filter(({ requestId }) => requestId === id)
    const [scored] = of('my "41"')
    assert.deepEqual(
      { ...scored, time: undefined, ms: undefined, invocationId: undefined },
      {
        ...{
          time: undefined,
          level: 'info',
          modelVersion: '1',
          service: 'plain',
          requestId: 'my "41"',
          method: 'POST',
          status: 200,
        },
        ...{ path: '/api/v1/service/plain/score', ms: undefined, rows: 1, invocationId: undefined },
      },
    )
    assert.ok(typeof scored?.ms === 'number' && !Number.isNaN(Date.parse(String(scored?.time))))
    assert.deepEqual(
      of('my-42')
        .map(({ level, message, code }) => [level, String(message ?? code).split('\n')[0]])
        .sort(),
      [
        ['debug', 'detail x'],
        ['error', 'ENTRY_SCRIPT_FAILED'],
        ['error', 'ENTRY_SCRIPT_FAILED: An unexpected error occurred in scoring script. Check the logs for more info.'],
        ['info', 'begins x'],
        ['warning', 'ends x'],
      ],
    )
    assert.ok(
      of('my-42').some(({ message }) =>
        /caused by: Error: no price\n.*caused by: Error: price list/s.test(String(message)),
      ),
    )
    assert.ok(entries.some(({ service, message }) => service === 'plain' && /^ready after/.test(String(message))))
    assert.ok(entries.some(({ level, path }) => level === 'debug' && path === '/health/ready'))
  })

  it.each(['text', 'json'])('as %s holds nothing secret, and no caller can forge a line of it', async format => {
    await using stack = new AsyncDisposableStack()
    const test = { onTestFinished: (end: () => unknown) => void stack.defer(async () => void (await end())) }
    const app = await runApp(test, services, { SCORING_LOG: format })
    await app.settled()
    const url = `${app.url}/api/v1/service/plain/score`
    await app.score('plain', '{"data": [[8675309, 2]]}', { 'x-request-id': 'x: [talk] y\x9b\x85z' })
    await fetch(url, {
      method: 'POST',
      body: '{"data": [[8675309]]}',
      headers: { authorization: 'Bearer wrong-secret' },
    })
    await fetch(`${url}?data=8675309&code=query-secret`)
    await fetch(`${app.url}/api/v1/service/none%0A[talk]%20forged/score`, { headers: { 'x-request-id': 'last-one' } })
    await see(app, /last-one/)
    await app.score('talk', said('say\n[plain] forged\u2028\x1e{"level":"error"}'), { 'x-request-id': 'very-last' })
    await see(app, /very-last.*score/)
    const output = app.output()
    for (const secret of [await app.keyOf('plain'), 'wrong-secret', '8675309', 'query-secret'])
      assert.ok(!output.includes(secret), secret)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are the subject
    assert.doesNotMatch(output, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028]/)
    assert.doesNotMatch(output, /^\[(plain|talk)\] forged/m)
    assert.match(output, /BEARER_REJECTED|UNAUTHORIZED|"status":401/)
    if (format === 'text') assert.match(output, /request "x: \[talk\] y\\u009b\\u0085z": POST/)
  })

  it('has no lines of requests outside Development, but the ids of failures', async test => {
    const open = { auth: { mode: 'none' } }
    const app = await runApp(
      test,
      { ...services, 'plain/service.json': open, 'talk/service.json': { ...open, entryScript: 'score.js' } },
      { AZURE_FUNCTIONS_ENVIRONMENT: 'Production' },
    )
    const url = `${app.url}/api/v1/service/talk/score`
    await fetch(url, { method: 'POST', body: said('x', true), headers: { 'x-request-id': 'my-42' } })
    await see(app, /^\[talk\] request my-42: ENTRY_SCRIPT_FAILED/m)
    assert.doesNotMatch(app.output(), /POST/)
  })
})
