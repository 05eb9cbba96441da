import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { copyOfApp, runApp } from '../support/running-app.ts'
import { makeServices, type ServiceFiles } from '../support/service-folder.ts'

const good = { 'good/service.json': {}, 'good/1/model.onnx': identityModel('float32') }
const rows = '{"data": [[1, 2]]}'
const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code

describe('startApp', () => {
  it('names a variable that looks like a setting and is none, without its value', async test => {
    const app = await runApp(test, good, { SCORING_METRIC: 'a-value' })
    await app.settled()
    assert.match(app.output(), /^setting SCORING_METRIC has no effect: this version has no such setting$/m)
    assert.doesNotMatch(app.output(), /a-value/)
  })
})

describe('an app with services that cannot be loaded', () => {
  it('names each with its reason, answers 503 for it, and serves the others', async test => {
    const app = await runApp(test, {
      ...good,
      'typo/service.json': { batching: { maxRow: 2 } },
      'typo/1/model.onnx': identityModel('float32'),
      'gone/service.json': { models: { m: { path: '1/m.onnx' } } },
      'torn/service.json': {},
      'torn/1/model.onnx': identityModel('float32').subarray(0, 50),
      'wine/1/model.onnx': identityModel('float32'),
      'syntax/service.json': { entryScript: 'score.js' },
      'syntax/score.js': 'export const init = (',
      'half/service.json': { deployments: { blue: { version: 1, weight: 90 }, green: { version: 2, weight: 10 } } },
      'half/1/model.onnx': identityModel('float32'),
      'half/2/model.onnx': identityModel('float32').subarray(0, 50),
    })
    const services = await app.settled()
    const reasons = Object.fromEntries(
      Object.entries(services).map(([name, { status, reason }]) => [name, reason ?? status]),
    )
    assert.equal(reasons.good, 'ready')
    assert.match(reasons.typo ?? '', /typo\/service\.json: batching: unrecognized key "maxRow"/)
    assert.match(reasons.gone ?? '', /gone\/service\.json: models\.m\.path: 1\/m\.onnx does not exist/)
    assert.match(reasons.torn ?? '', /model "torn" cannot be loaded/)
    assert.match(reasons.syntax ?? '', /syntax\/score\.js cannot be imported/)
    assert.equal(await (await app.score('good', rows)).text(), '[[1.0, 2.0]]')
    for (const name of ['typo', 'gone', 'torn', 'syntax']) {
      const response = await app.score(name, rows)
      assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '1'])
      assert.equal(
        await response.text(),
        `{"message": "service \\"${name}\\" could not be loaded. Check the logs for more info.", "code": "SERVICE_UNAVAILABLE"}`,
      )
      assert.equal((await fetch(`${app.url}/api/v1/service/${name}`)).status, 503)
      assert.match(app.output(), new RegExp(`\\[${name}\\] not available: `))
    }
    assert.equal(await (await app.score('half', rows)).text(), '[[1.0, 2.0]]')
    assert.match(app.output(), /^\[half\] not available: deployment "green": model "half" cannot be loaded/m)
    assert.match(app.output(), /^\[half\] ready after \d+ ms: deployment "blue": version 1, /m)
    assert.match(app.output(), /^"wine" has a model but no service\.json, so it is not served/m)
    const ready = await fetch(`${app.url}/health/ready`)
    const { status, unavailable } = (await ready.json()) as { status: string; unavailable: number }
    assert.deepEqual([ready.status, status, unavailable], [200, 'ready', 4])
    assert.equal((await fetch(`${app.url}/health/live`)).status, 200)
  })

  it('asks for no vault because of them, and authorizes no request', async test => {
    const app = await runApp(
      test,
      {
        'open/service.json': { auth: { mode: 'none' } },
        'open/1/model.onnx': identityModel('float32'),
        'typo/service.json': { auth: { mode: 'tokens' } },
        'typo/1/model.onnx': identityModel('float32'),
        'No_Name/service.json': {},
      },
      { AZURE_FUNCTIONS_ENVIRONMENT: 'Production' },
    )
    for (const name of ['typo', 'No_Name']) {
      assert.match(app.output(), new RegExp(`\\[${name}\\] not available: `))
      for (const authorization of ['', `Bearer ${'k'.repeat(40)}`]) {
        const headers = { authorization, 'content-type': 'application/json' }
        const answer = await fetch(`${app.url}/api/v1/service/${name}/score`, { method: 'POST', body: rows, headers })
        assert.deepEqual(
          [answer.status, ((await answer.json()) as { code: string }).code],
          [503, 'SERVICE_UNAVAILABLE'],
        )
      }
    }
    while ((await fetch(`${app.url}/api/v1/service/open`)).status !== 200);
  })

  it('keeps a request waiting while its service loads, the others not, and tells 503 on the health pages', async test => {
    const signals = await makeServices({ 'readme.txt': 'a file "go" lets the slow service load' }, test)
    const services = {
      ...good,
      'slow/service.json': { entryScript: 'score.js' },
      'slow/score.js': `
        import { existsSync } from 'node:fs'
        import { setTimeout } from 'node:timers/promises'
        export const run = text => text.length
        export const init = async () => { while (!existsSync(process.env.GO)) await setTimeout(5) }`,
      'raw/service.json': { entryScript: 'score.js', auth: { mode: 'none' } },
      'raw/score.js': `
        import { existsSync } from 'node:fs'
        import { setTimeout } from 'node:timers/promises'
        export const rawHttp = true
        export const run = ({ method }) => new Response(method, { status: 201 })
        export const init = async () => { while (!existsSync(process.env.GO)) await setTimeout(5) }`,
    }
    const app = await runApp(test, services, { GO: join(signals, 'go') })
    const early = app.score('slow', rows)
    const ofAnyMethod = ['HEAD', 'OPTIONS'].map(method => fetch(`${app.url}/api/v1/service/raw/score`, { method }))
    let isAnswered = false
    early.then(() => (isAnswered = true))
    const impatient = await app.score('slow', rows, { 'x-scoring-timeout-ms': '50' })
    assert.deepEqual([impatient.status, await codeOf(impatient)], [503, 'SERVICE_LOADING'])
    while ((await app.score('good', rows)).status !== 200);
    for (const page of ['health/ready', 'api/v1/service/slow']) {
      assert.equal((await fetch(`${app.url}/${page}`)).status, 503, page)
    }
    assert.equal(isAnswered, false)
    await writeFile(join(signals, 'go'), '')
    const answer = await early
    assert.deepEqual([answer.status, await answer.json()], [200, rows.length])
    // Nobody could know before that it is a script which sees those too.
    for (const { status } of await Promise.all(ofAnyMethod)) assert.equal(status, 201)
  })

  it('answers a request that waits for a service which then fails to load, and the others meanwhile', async test => {
    const app = await runApp(test, {
      ...good,
      'slow/service.json': { entryScript: 'score.js', limits: { loadTimeoutMs: 3000 } },
      'slow/score.js': 'export const run = () => 1; export const init = () => new Promise(() => {})',
    })
    const early = await app.score('slow', rows)
    assert.deepEqual([early.status, await codeOf(early)], [503, 'SERVICE_UNAVAILABLE'])
    const { slow } = await app.settled()
    assert.match(slow?.reason ?? '', /longer than 3000 ms \(limits\.loadTimeoutMs\)/)
    assert.equal((await app.score('good', rows)).status, 200)
  })
})

describe('GET /health/ready', () => {
  const broken = { 'broken/service.json': {}, 'broken/1/model.onnx': 'version https://git-lfs.github.com/spec/v1\n' }
  const states: [what: string, when: string, services: ServiceFiles, ready: [number, string, number | undefined]][] = [
    ['one failed of two', 'any', { ...good, ...broken }, [200, 'ready', 1]],
    ['one failed of two', 'all', { ...good, ...broken }, [503, 'not ready', 1]],
    ['none failed', 'all', good, [200, 'ready', undefined]],
    ['all failed', 'any', broken, [503, 'not ready', 1]],
  ]
  it.for(states)('says $3 where $0 and SCORING_READY_WHEN is $1', async ([, when, services, expected], test) => {
    const app = await runApp(test, services, { SCORING_READY_WHEN: when })
    await app.settled()
    const response = await fetch(`${app.url}/health/ready`)
    const { status, unavailable } = (await response.json()) as { status: string; unavailable?: number }
    assert.deepEqual([response.status, status, unavailable], expected)
  })

  it('tells strangers how many services failed, and not which', async test => {
    const app = await runApp(
      test,
      {
        'typo/service.json': { auth: { mode: 'tokens' } },
        'open/service.json': { auth: { mode: 'none' } },
        'open/1/model.onnx': identityModel('float32'),
      },
      {
        AZURE_FUNCTIONS_ENVIRONMENT: 'Production',
      },
    )
    let body: { status: string; unavailable?: number; services?: object }
    do body = (await (await fetch(`${app.url}/health/ready`)).json()) as typeof body
    while (body.status !== 'ready')
    assert.deepEqual(body, { status: 'ready', unavailable: 1 })
  })
})

describe('the log of a service: a script that prints', () => {
  it('does so under the name of its service, whatever it prints', async test => {
    const app = await runApp(test, {
      ...good,
      'chatty/service.json': { entryScript: 'score.js' },
      'chatty/score.js': `
        export const init = ({ log }) => { log('loaded'); console.error('two\\n[good] lines') }
        export const run = text => { process.stdout.write('\\u001b[1A[good] ready after 1 ms\\r[good] again'); return text }`,
    })
    await app.settled()
    await app.score('chatty', 'a', { 'x-request-id': 'my-1' })
    // The end of its thread ends the line that it left open.
    const ended = new Promise(done => app.process.on('exit', done))
    app.process.kill('SIGTERM')
    await ended
    const lines = app.output().split('\n')
    for (const line of ['loaded', 'two', '[good] lines', 'request my-1: \\x1b[1A[good] ready after 1 ms'])
      assert.ok(lines.includes(`[chatty] ${line}`), `${line} in\n${app.output()}`)
    assert.equal(lines.filter(line => line.startsWith('[good] ')).length, 1)
  })
})

describe('auth.mode: authorization', () => {
  it('is off only for a service that says so', async test => {
    const app = await runApp(test, {
      ...good,
      'open/service.json': { auth: { mode: 'none' } },
      'open/1/model.onnx': identityModel('float32'),
    })
    await app.settled()
    const post = (service: string) =>
      fetch(`${app.url}/api/v1/service/${service}/score`, {
        method: 'POST',
        body: rows,
        headers: { 'content-type': 'application/json' },
      })
    assert.equal((await post('open')).status, 200)
    assert.equal((await post('good')).status, 401)
  })
})

describe('SCORING_DEFAULT_SERVICE: the default service', () => {
  it('is the only one there is', async test => {
    const app = await runApp(test, good)
    await app.settled()
    const headers = { authorization: `Bearer ${await app.keyOf('good')}`, 'content-type': 'application/json' }
    assert.equal(
      await (await fetch(`${app.url}/score`, { method: 'POST', body: rows, headers })).text(),
      '[[1.0, 2.0]]',
    )
  })

  it('is the one that SCORING_DEFAULT_SERVICE names, and nothing when there are several', async test => {
    const services = { ...good, 'other/service.json': {}, 'other/1/model.onnx': identityModel('int8') }
    const chosen = await runApp(test, services, { SCORING_DEFAULT_SERVICE: 'other' })
    await chosen.settled()
    const headers = { authorization: `Bearer ${await chosen.keyOf('other')}`, 'content-type': 'application/json' }
    assert.equal(await (await fetch(`${chosen.url}/score`, { method: 'POST', body: rows, headers })).text(), '[[1, 2]]')
    const none = await runApp(test, services)
    const answer = await fetch(`${none.url}/score`, { method: 'POST', body: rows, headers })
    assert.equal(answer.status, 404)
    assert.match(await answer.text(), /SCORING_DEFAULT_SERVICE/)
  })
})

describe('host-process: a start that cannot succeed', () => {
  const refusals: [string, Parameters<typeof runApp>[1], Record<string, string>, RegExp][] = [
    ['no service', { 'empty/readme.txt': '' }, { SCORING_WATCH: 'off' }, /error: no service in /],
    [
      'a default service that is none',
      good,
      { SCORING_DEFAULT_SERVICE: 'nobody' },
      /error: SCORING_DEFAULT_SERVICE: there is no service "nobody"; there are: good/,
    ],
    [
      'a folder that does not exist',
      good,
      { SCORING_MODELS: '/no/such/folder' },
      /error: the folder of services cannot be read/,
    ],
    [
      'a setting that is no number',
      good,
      { SCORING_MAX_THREADS: 'x' },
      /error: setting SCORING_MAX_THREADS: must be a whole number from 1 to 256, not "x"/,
    ],
    [
      'an execution provider that does not exist',
      good,
      { SCORING_EXECUTION_PROVIDERS: 'cudda,cpu' },
      /error: setting SCORING_EXECUTION_PROVIDERS: must be one of cpu, cuda, tensorrt, webgpu, .*, not "cudda,cpu"/,
    ],
    [
      'no vault outside Development',
      good,
      { AZURE_FUNCTIONS_ENVIRONMENT: 'Production' },
      /error: outside Development the keys live in Azure Key Vault/,
    ],
  ]
  it.for(refusals)(
    'because of $0 ends with one line and exit code 1',
    async ([, services, environment, message], test) => {
      await assert.rejects(runApp(test, services, environment), (error: Error) => {
        assert.match(error.message, /^the host ended with 1:/)
        assert.match(error.message, message)
        assert.doesNotMatch(error.message, /\n\s+at /)
        return true
      })
    },
  )
})

describe('host-process: a port that is taken', () => {
  it('ends with one line and exit code 1, while a scoring thread starts', async test => {
    const other = createServer().listen(0, '127.0.0.1')
    test.onTestFinished(() => void other.close())
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const args = ['dist/host-process.cjs', '--app', await copyOfApp(test), '--port', `${port}`]
    await assert.rejects(promisify(execFile)(process.execPath, args), (ended: { code: unknown; stderr: string }) => {
      assert.deepEqual(
        [ended.code, /^error: Port \d+ is unavailable\. .*\n$/.test(ended.stderr)],
        [1, true],
        ended.stderr,
      )
      return true
    })
  })
})

describe('host-process: a fault of a script that ends the whole process', () => {
  it('is followed by another process at once, which names the service and the request', async test => {
    const services = {
      'fatal/service.json': { entryScript: 'score.js' },
      'fatal/score.js': `
        export const init = () => {}
        export const run = text => text === 'abort' ? process.kill(process.pid, 'SIGKILL') && new Promise(() => {}) : text`,
    }
    const first = await runApp(test, services)
    await first.settled()
    assert.equal((await first.score('fatal', 'fine', { 'x-request-id': 'well-1' })).status, 200)
    const ended = new Promise(done => first.process.on('exit', done))
    await assert.rejects(first.score('fatal', 'abort', { 'x-request-id': 'poison-7' }))
    await ended
    const second = await first.restart()
    await second.settled()
    assert.match(
      second.output(),
      /^\[fatal\] an earlier process of the app ended while it was running request poison-7$/m,
    )
    assert.doesNotMatch(second.output(), /well-1/)
  })
})
