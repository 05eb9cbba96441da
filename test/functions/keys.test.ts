import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { describe, it, type TestContext } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { runApp } from '../support/running-app.ts'
import { SecretWatch } from '../support/secret-watch.ts'

const files = {
  'sut/service.json': {},
  'sut/1/model.onnx': identityModel('float32'),
  'other/service.json': {},
  'other/1/model.onnx': identityModel('float32'),
  'open/service.json': { auth: { mode: 'none' } },
  'open/1/model.onnx': identityModel('float32'),
}
const rows = '{"data": [[1, 2]]}'

/** A running app, and a watch that looks for its keys, and those that are tried, in all that comes out of it. */
async function start(test: TestContext, settings: Record<string, string> = {}) {
  const app = await runApp(test, files, settings)
  const watch = new SecretWatch()
  await app.settled()
  const keys = JSON.parse(await readFile(app.keyFile, 'utf8')) as Record<string, { primary: string; secondary: string }>
  for (const { primary, secondary } of Object.values(keys)) {
    watch.used(primary)
    watch.used(secondary)
  }
  const score = (key: string | undefined, { service = 'sut', more = {}, query = '' } = {}) =>
    watch.fetch(`${app.url}/api/v1/service/${service}/score${query}`, {
      method: 'POST',
      body: rows,
      headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }), ...more },
    })
  const check = () => {
    watch.seen('output', app.output())
    watch.assertNothingLeaked()
  }
  return { app, watch, keys, score, check, sut: keys.sut as { primary: string; secondary: string } }
}

/** A request with headers just as they are written here; the whole answer. */
async function sendRaw(url: string, headers: string): Promise<string> {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  const head = `POST /api/v1/service/sut/score HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n`
  socket.write(`${head}Content-Length: ${rows.length}\r\n${headers}\r\n${rows}`, 'latin1')
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return answer
}

const codeOf = ({ body }: { body: string }) => JSON.parse(body).code as string

describe('KeyAuthorizer in the app: a service with keys', () => {
  it('opens with either key, and with no other', async test => {
    const { watch, keys, score, check, sut } = await start(test)
    assert.equal((await score(sut.primary)).status, 200)
    assert.equal((await score(sut.secondary)).status, 200)
    for (const wrong of ['wrong', sut.primary.slice(1), `${sut.primary}x`, keys.other?.primary as string]) {
      const answer = await score(watch.used(wrong))
      assert.deepEqual([answer.status, codeOf(answer)], [401, 'BEARER_REJECTED'])
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="sut", error="invalid_token"')
    }
    const none = await score(undefined)
    assert.deepEqual([none.status, none.headers.get('www-authenticate')], [401, 'Bearer realm="sut"'])
    check()
  })

  it('takes a key from nowhere but the Authorization header', async test => {
    const { score, check, sut } = await start(test)
    for (const name of ['access_token', 'key', 'code', 'subscription-key']) {
      assert.equal((await score(undefined, { query: `?${name}=${sut.primary}` })).status, 401, name)
    }
    for (const name of ['x-functions-key', 'api-key', 'ocp-apim-subscription-key', 'cookie']) {
      assert.equal((await score(undefined, { more: { [name]: sut.primary } })).status, 401, name)
    }
    check()
  })

  it('takes exactly one Bearer credential (RFC 6750, section 2.1), and says what else it was', async test => {
    const { app, watch, check, sut } = await start(test)
    const key = sut.primary
    const missing = 'Bearer realm="sut"'
    const malformed = `${missing}, error="invalid_request"`
    const invalid = `${missing}, error="invalid_token"`
    const headers: [string, string | undefined][] = [
      [`bearer ${key}`, undefined],
      [`BEARER  ${key} `, undefined],
      [`\tBearer ${key}\t`, undefined],
      ['', missing],
      [key, missing],
      [`Bearer${key}`, missing],
      [`Basic ${Buffer.from(`:${key}`).toString('base64')}`, missing],
      [`Basic eDp5, Bearer ${key}`, missing],
      ['Bearer', malformed],
      [`Bearer\t${key}`, malformed],
      [`Bearer: ${key}`, malformed],
      [`Bearer ${key},`, malformed],
      [`Bearer ${key}, Basic eDp5`, malformed],
      [`Bearer "${key}"`, malformed],
      [`Bearer token=${key}`, malformed],
      [`Bearer ${key}\u00e9`, malformed],
      [`Bearer ${key}=`, invalid],
      [`Bearer ${key.toUpperCase()}`, invalid],
      [`Bearer ${key}${'a'.repeat(8192)}`, invalid],
    ]
    for (const [header, expected] of headers) {
      const answer = await sendRaw(app.url, `Authorization: ${header}\r\n`)
      watch.seen('a header', answer)
      const [, status, challenge] = /^HTTP\/1\.1 (\d+)(?:.*\r\nwww-authenticate: ([^\r]*))?/is.exec(answer) ?? []
      assert.deepEqual(
        [status, challenge],
        [expected === undefined ? '200' : '401', expected],
        header.replace(key, 'KEY'),
      )
    }
    check()
  })

  it('refuses two Authorization headers, whichever is right', async test => {
    const { app, watch, check, sut } = await start(test)
    for (const [first, second] of [
      [sut.primary, 'wrong'],
      ['wrong', sut.primary],
      [sut.primary, sut.primary],
    ] as const) {
      const answer = await sendRaw(app.url, `Authorization: Bearer ${first}\r\nAUTHORIZATION: Bearer ${second}\r\n`)
      watch.seen('two headers', answer)
      assert.match(answer, /^HTTP\/1\.1 401 .*\r\nwww-authenticate: Bearer realm="sut", error="invalid_request"\r\n/is)
    }
    check()
  })

  it('tells an address that shows wrong keys to stop, while valid ones from there work', async test => {
    const { watch, score, check, sut } = await start(test)
    // Written by the client, so it does not count.
    const spoof = (n: number) => ({ 'x-forwarded-for': `203.0.113.${n}` })
    const statuses: number[] = []
    for (let n = 0; n < 25; n++)
      statuses.push((await score(watch.used(`wrong-key-number-${n}`), { more: spoof(n) })).status)
    assert.deepEqual(statuses, [...Array(20).fill(401), ...Array(5).fill(429)])
    const refused = await score('wrong')
    assert.equal(codeOf(refused), 'TOO_MANY_WRONG_KEYS')
    const seconds = Number(refused.headers.get('retry-after'))
    assert.ok(seconds >= 1 && seconds <= 60, `${seconds}`)
    assert.equal((await score(sut.primary)).status, 200)
    assert.equal((await score(undefined, { service: 'open' })).status, 200)
    check()
  })

  it('counts the wrong keys of each client behind two proxies, by what the outer one wrote', async test => {
    const { watch, score, check, sut } = await start(test, { SCORING_TRUSTED_PROXIES: '2' })
    const from = (client: string, n: number) => ({
      more: { 'x-forwarded-for': `198.51.100.${n}, ${client}, 10.0.0.2` }, // the first was written by the client
    })
    const statuses: number[] = []
    for (let n = 0; n < 21; n++)
      statuses.push((await score(watch.used(`wrong-key-number-${n}`), from('203.0.113.7', n))).status)
    assert.deepEqual(statuses, [...Array(20).fill(401), 429])
    assert.equal((await score('wrong', from('203.0.113.8', 0))).status, 401) // another client behind the same proxies
    assert.equal((await score('wrong')).status, 401) // not through the proxies
    assert.equal((await score(sut.primary, from('203.0.113.7', 0))).status, 200)
    check()
  })

  it('takes a key that was changed in the key file at once, and the other one all the time', async test => {
    const { app, watch, keys, score, check, sut } = await start(test)
    // A client goes on with an old key meanwhile.
    for (let n = 0; n < 3; n++) assert.equal((await score(watch.used(`an-old-key-${n}`))).status, 401)
    const fresh = watch.used('a-key-that-was-written-into-the-file')
    await writeFile(app.keyFile, JSON.stringify({ ...keys, sut: { ...sut, primary: fresh } }))
    assert.equal((await score(fresh)).status, 200)
    assert.equal((await score(sut.secondary)).status, 200)
    assert.equal((await score(sut.primary)).status, 401)
    const fresher = watch.used('a-key-that-was-written-after-that-one')
    await writeFile(app.keyFile, JSON.stringify({ ...keys, sut: { ...sut, primary: fresher } }))
    assert.equal((await score(fresher)).status, 200)
    check()
  })

  it('goes on with the keys it knows when the key file cannot be read any more', async test => {
    const { app, watch, score, check, sut } = await start(test)
    await writeFile(app.keyFile, watch.used('{"sut": {"primary": "half-a-secret'))
    watch.used('half-a-secret')
    assert.equal((await score('wrong')).status, 401) // makes it read the file
    assert.equal((await score(sut.primary)).status, 200)
    assert.match(app.output(), /\[sut\] the keys cannot be read/)
    check()
  })
})

describe('GET /health/ready', () => {
  it('tells the age and state of keys, and nothing that could be used', async test => {
    const { app, watch, check } = await start(test)
    const { status, body } = await watch.fetch(`${app.url}/health/ready`)
    const { services } = JSON.parse(body)
    assert.equal(status, 200)
    assert.equal(services.open.keys, undefined)
    const { ageSeconds, ...others } = services.sut.keys
    assert.ok(Number.isInteger(ageSeconds) && ageSeconds >= 0)
    assert.deepEqual(others, { primary: 'valid', secondary: 'valid', isFailing: false })
    check()
  })

  it('asks for no key in Development, so that it counts none', async test => {
    const { app, watch, keys, score, check } = await start(test)
    for (let n = 0; n < 30; n++) {
      const headers = { authorization: `Bearer ${n % 2 ? keys.sut?.primary : 'wrong'}` }
      assert.equal((await watch.fetch(`${app.url}/health/ready`, { headers })).status, 200)
    }
    assert.equal((await score('wrong')).status, 401)
    check()
  })
})
