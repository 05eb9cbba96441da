import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type RunningApp, runApp } from '../support/running-app.ts'

interface Expected {
  services: Record<string, { inputs: Record<string, unknown[]>; outputs: Record<string, unknown> }>
}

const jsonOf = async (response: Response) => {
  assert.equal(response.status, 200, await response.clone().text())
  return response.json()
}

/** A POST to the path as it is: `fetch` would resolve `%2e%2e` before sending. */
function postPath(url: string, path: string): Promise<[status: number | undefined, body: string]> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { path, method: 'POST' }, async response => {
      let body = ''
      for await (const chunk of response.setEncoding('utf8')) body += chunk
      resolve([response.statusCode, body])
    })
    request.on('error', reject).end()
  })
}

describe('POST /score: the sample services', () => {
  let app: RunningApp
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    app = await runApp({ onTestFinished: cleanUp => cleanUps.push(cleanUp as () => unknown) })
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })
  const readSample = (service: string) => readFile(`models/${service}/sample.json`, 'utf8')

  it('score the two published rows exactly as published', async () => {
    const response = await app.score('diabetes', await readSample('diabetes'))
    assert.equal(await response.text(), '[217.67978776218715, 224.78937091757172]')
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.equal(response.headers.get('x-ms-run-function-failed'), 'False')
    assert.match(response.headers.get('x-ms-run-fn-exec-ms') ?? '', /^\d+\.\d{3}$/)
    assert.equal(response.headers.get('x-scoring-execution-provider'), 'cpu')
    assert.equal(response.headers.get('x-scoring-model-version'), '1')
  })

  it('score what ONNX Runtime for Python scores', async () => {
    const { services } = JSON.parse(await readFile('test/fixtures/expected-scores.json', 'utf8')) as Expected
    const near = (actual: unknown, expected: unknown): void => {
      if (Array.isArray(expected)) {
        assert.equal((actual as unknown[]).length, expected.length)
        for (const [index, each] of expected.entries()) near((actual as unknown[])[index], each)
      } else if (typeof expected === 'number') {
        // Another CPU may round the last digit of a float32 otherwise.
        assert.ok(
          Math.abs((actual as number) - expected) <= 1e-6 * Math.max(1, Math.abs(expected)),
          `${actual} is not ${expected}`,
        )
      } else assert.equal(actual, expected)
    }
    for (const [service, { inputs, outputs }] of Object.entries(services)) {
      const [rows] = Object.values(inputs)
      const answer = await jsonOf(await app.score(service, JSON.stringify({ data: rows })))
      if (service === 'iris') {
        const { labels, probabilities } = answer as { labels: unknown; probabilities: unknown }
        near(labels, outputs.label)
        near(probabilities, outputs.probabilities)
      } else near(answer, Object.values(outputs)[0])
    }
  })

  it('give ten clients at once what they get alone', async () => {
    for (const service of ['diabetes', 'iris', 'digits']) {
      const { data } = JSON.parse(await readSample(service)) as { data: unknown[] }
      const bodies = Array.from({ length: 10 }, (_, index) =>
        JSON.stringify({ data: index % 2 ? data : [data[index % data.length]] }),
      )
      const alone: string[] = []
      for (const body of bodies) alone.push(await (await app.score(service, body)).text())
      for (let round = 0; round < 5; round++) {
        const together = await Promise.all(bodies.map(async body => (await app.score(service, body)).text()))
        assert.deepEqual(together, alone)
      }
    }
  })

  it('open with either key of theirs, and with no other', async () => {
    const body = await readSample('diabetes')
    const status = async (headers: Record<string, string>) => {
      const response = await fetch(`${app.url}/api/v1/service/diabetes/score`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...headers },
      })
      return [
        response.status,
        ((await response.json()) as { code?: string }).code,
        response.headers.get('www-authenticate'),
      ]
    }
    const missing = [401, 'BEARER_MISSING', 'Bearer realm="diabetes"']
    const rejected = [401, 'BEARER_REJECTED', 'Bearer realm="diabetes", error="invalid_token"']
    const malformed = [401, 'BEARER_MALFORMED', 'Bearer realm="diabetes", error="invalid_request"']
    assert.deepEqual(await status({}), missing)
    assert.deepEqual(await status({ authorization: '' }), missing)
    assert.deepEqual(await status({ authorization: 'Basic eDp5' }), missing)
    assert.deepEqual(await status({ authorization: 'Bearer' }), malformed)
    assert.deepEqual(await status({ authorization: 'Bearer a b' }), malformed)
    assert.deepEqual(await status({ authorization: 'Bearer wrong' }), rejected)
    assert.deepEqual(await status({ authorization: `Bearer ${await app.keyOf('iris')}` }), rejected)
    assert.equal((await status({ authorization: `bearer ${await app.keyOf('diabetes')}` }))[0], 200)
  })

  const row = '[0,0,0,0,0,0,0,0,0,0]'
  const badInputs: [name: string, body: string, status: number, code: string][] = [
    ['an empty body', '', 400, 'BODY_EMPTY'],
    ['no JSON', 'nonsense', 400, 'BODY_NOT_JSON'],
    ['a list', '[[1]]', 400, 'BODY_NOT_OBJECT'],
    ['a name in the wrong case', '{"Data": [[1]]}', 400, 'INPUT_MISSING'],
    ['rows of two lengths', `{"data": [${row}, [1]]}`, 400, 'INPUT_RAGGED'],
    ['too few columns', '{"data": [[1, 2]]}', 400, 'INPUT_SHAPE_MISMATCH'],
    ['no rows', '{"data": []}', 400, 'INPUT_SHAPE_MISMATCH'],
    ['text as rows', '{"data": "text"}', 400, 'INPUT_TYPE_MISMATCH'],
    ['null as rows', '{"data": null}', 400, 'INPUT_TYPE_MISMATCH'],
    ['text in a row', `{"data": [${row.replace('0', '"1"')}]}`, 400, 'INPUT_TYPE_MISMATCH'],
    ['nan in small letters', `{"data": [${row.replace('0', 'nan')}]}`, 400, 'BODY_NOT_JSON'],
    ['an object without names to match', `{"data": [{"age": 0.5}]}`, 400, 'INPUT_TYPE_MISMATCH'],
    ['a number beyond float64', `{"data": [${row.replace('0', '1e400')}]}`, 400, 'INPUT_TYPE_MISMATCH'],
    ['ten million brackets', `{"data": ${'['.repeat(10_000_000)}`, 400, 'BODY_NESTED_TOO_DEEPLY'],
    ['a million rows too many', `{"data": [${`${row},`.repeat(1_000_000)}${row}]}`, 413, 'TOO_MANY_ROWS'],
  ]
  it.for(badInputs)('answer bad input with a 4xx that names it: $0', async ([, body, status, code]) => {
    const response = await app.score('diabetes', body)
    assert.equal(response.headers.get('x-ms-run-function-failed'), 'False')
    const answer = (await response.json()) as { code: string; message: string }
    assert.deepEqual([response.status, answer.code], [status, code])
    assert.deepEqual(Object.keys(answer), ['message', 'code'])
  })

  it('answer bytes that are no text with a 4xx', async () => {
    const notText = await app.score('diabetes', Uint8Array.of(0x7b, 0xff))
    assert.equal(((await notText.json()) as { code: string }).code, 'BODY_NOT_UTF8')
  })

  it('are JSON to a bare model where their type says nothing, as to an undecorated script of Azure ML; forms are not', async () => {
    const body = await readSample('diabetes')
    const authorization = `Bearer ${await app.keyOf('diabetes')}`
    const scoreAs = async (type: string | undefined, more: Record<string, string> = {}) =>
      fetch(`${app.url}/api/v1/service/diabetes/score`, {
        method: 'POST',
        body: new TextEncoder().encode(body), // with which fetch sends no type of its own
        headers: { authorization, ...(type === undefined ? {} : { 'content-type': type }), ...more },
      })
    for (const type of [undefined, '', 'text/plain', 'text/plain; charset=utf-8', 'text/json', 'Text/JSON'])
      assert.deepEqual(await jsonOf(await scoreAs(type)), [217.67978776218715, 224.78937091757172])
    for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/csv'])
      assert.equal((await scoreAs(type)).status, 415, type)
    // Bytes that are described, and lack their type.
    assert.equal((await scoreAs(undefined, { 'x-tensor-shape': '1,10' })).status, 415)
  })

  it('take the last of duplicate keys, ignore further members, and keep __proto__ harmless', async () => {
    const { data } = JSON.parse(await readSample('diabetes')) as { data: unknown }
    const body = `{"__proto__": {"data": 1}, "data": 1, "more": 2, "data": ${JSON.stringify(data)}}`
    assert.deepEqual(await jsonOf(await app.score('diabetes', body)), [217.67978776218715, 224.78937091757172])
  })

  it('answer a POST to where health is asked with 405', async () => {
    for (const path of ['/health/live', '/health/ready']) {
      const response = await fetch(`${app.url}${path}`, { method: 'POST' })
      const body = '{"message": "The method is not allowed for the requested URL.", "code": "METHOD_NOT_ALLOWED"}'
      assert.deepEqual([response.status, await response.text()], [405, body])
    }
  })

  it('do not exist under any other name', async () => {
    const noService = '{"message": "There is no such service.", "code": "SERVICE_UNKNOWN"}'
    for (const name of ['nobody', 'DIABETES', 'a'.repeat(300), '..%2f..%2fetc', '__proto__', 'diabetes%00']) {
      assert.deepEqual(await postPath(app.url, `/api/v1/service/${name}/score`), [404, noService], name)
    }
    // The host resolves dots before it looks for a route.
    for (const name of ['..', '%2e%2e'])
      assert.equal((await postPath(app.url, `/api/v1/service/${name}/score`))[0], 404, name)
    assert.equal((await postPath(app.url, '/api/v1/service/%zz/score'))[0], 400)
  })

  it('tell live from ready, with details in Development', async () => {
    const live = await fetch(`${app.url}/health/live`)
    assert.deepEqual([live.status, await live.json()], [200, { status: 'live' }])
    const ready = await fetch(`${app.url}/health/ready`)
    const { status, services } = (await ready.json()) as {
      status: string
      services: Record<string, { status: string; inputs: unknown }>
    }
    assert.deepEqual([ready.status, status, Object.keys(services)], [200, 'ready', ['diabetes', 'digits', 'iris']])
    assert.deepEqual(services.diabetes?.inputs, [{ name: 'data', dtype: 'float64', shape: ['batch', 10] }])
  })

  it('print no key', async () => {
    for (const service of ['diabetes', 'iris', 'digits']) assert.ok(!app.output().includes(await app.keyOf(service)))
  })
})
