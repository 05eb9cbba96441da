import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'vitest'
import { EncryptedLinearClient, RequestError } from '../../src/client/encrypted-linear-client.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { runEncryptedDouble } from './support/encrypted-double.ts'

const digits: { coef: number[][]; intercept: number[]; features: number[]; scores: number[] } = JSON.parse(
  readFileSync('test/fixtures/encrypted/digits.json', 'utf8'),
)
const linear = (weights: number[][], bias: number[]) => ({
  weights: Float64Array.from(weights.flat()),
  bias: Float64Array.from(bias),
  featureCount: weights[0]?.length ?? 0,
})
const model = linear(digits.coef, digits.intercept)
const key = 'a-key'

async function start(test: Cleaner, labels?: string[]) {
  const service = await runEncryptedDouble(test, model, labels)
  return { service, client: await EncryptedLinearClient.create({ url: service.url, key }) }
}

function assertScores(scores: readonly number[]): void {
  assert.equal(scores.length, 10)
  for (const [index, score] of scores.entries()) assert.ok(Math.abs(score - digits.scores[index]!) < 1e-3)
}

describe('EncryptedLinearClient', () => {
  it('has a row scored, and rows, in their order', async test => {
    const { service, client } = await start(test)
    assertScores(await client.predict(digits.features))
    const blank = Array(64).fill(0)
    const several = await client.predict([blank, digits.features, Float32Array.from(digits.features)])
    assert.equal(several.length, 3)
    assertScores(several[1] as number[])
    assertScores(several[2] as number[])
    for (const [index, score] of several[0]!.entries()) assert.ok(Math.abs(score - digits.intercept[index]!) < 1e-3)
    assert.deepEqual(await client.predict([]), [])
    assert.deepEqual(new Set(service.seen.map(({ authorization }) => authorization)), new Set([`Bearer ${key}`]))
  })

  it('tells what the model takes, and names the class with the largest score', async test => {
    const names = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
    const { client } = await start(test, names)
    const { maxError, maxErrorOfMultiples, ...rest } = client.model
    assert.deepEqual(rest, { featureCount: 64, classCount: 10, maxFeature: 16, featureScale: 1, labels: names })
    assert.ok(maxErrorOfMultiples > 0 && maxErrorOfMultiples < maxError && Number.isFinite(maxError))
    assert.equal(client.label([0, 3, 1, 2, 0, 0, 0, 0, 0, 0]), 'one')
    assert.equal((await start(test)).client.label([0, 3, 1]), 1)
    assert.deepEqual([client.label([-2]), client.label([2])], ['zero', 'one'])
  })

  it.for(['/score', '/score/', '/', '?code=secret'])(
    'takes the URL of the service with %s behind it',
    async (end, test) => {
      const service = await runEncryptedDouble(test, model)
      await EncryptedLinearClient.create({ url: service.url + end, key })
      assert.equal(service.seen[0]?.path, '/api/v1/service/digits/encrypted')
    },
  )

  it('asks for the key before each request when it is a function', async test => {
    const service = await runEncryptedDouble(test, model)
    let count = 0
    const client = await EncryptedLinearClient.create({ url: service.url, key: async () => `token-${++count}` })
    await client.predict(digits.features)
    assert.deepEqual(
      service.seen.map(({ authorization }) => authorization),
      ['Bearer token-1', 'Bearer token-2'],
    )
  })

  it('never sends the same bytes twice, nor the secret key', async test => {
    const { client } = await start(test)
    const [one, other] = [client.encrypt(digits.features), client.encrypt(digits.features)]
    assert.equal(one.length, 16_578)
    assert.notDeepEqual(one, other)
    assert.ok(!Buffer.from(one).includes(Buffer.from(client.exportKey(), 'base64')))
  })

  it('reads with an exported key what another client encrypted, and with another key nothing', async test => {
    const { service, client } = await start(test)
    const response = await fetch(`${service.url}/score`, { method: 'POST', body: client.encrypt(digits.features) })
    const reply = await response.bytes()
    assertScores(client.decrypt(reply))
    const secretKey = client.exportKey()
    assertScores((await EncryptedLinearClient.create({ url: service.url, key, secretKey })).decrypt(reply))

    const other = await EncryptedLinearClient.create({ url: service.url, key })
    assert.throws(() => assertScores(other.decrypt(reply)))
    await other.importKey(secretKey)
    assertScores(other.decrypt(reply))
    assert.equal(other.exportKey(), secretKey)
  })

  it('does not show a secret key that is none', async test => {
    const { service, client } = await start(test)
    const secretKey = `${'c2VjcmV0'.repeat(3)}`
    const expected = { name: 'RangeError', message: 'a secret key is 64 bytes in base64, as exportKey returns it' }
    await assert.rejects(EncryptedLinearClient.create({ url: service.url, key, secretKey }), expected)
    await assert.rejects(client.importKey(secretKey), expected)
  })

  it.for<[number[], string]>([
    [[1, 2, 3], 'the model takes 64 features, got 3'],
    [Array(64).fill(17), 'feature 0 is 17, expected a number from -16 to 16'],
    [[...Array(63).fill(0), Number.NaN], 'feature 63 is NaN, expected a number from -16 to 16'],
    [[null, ...Array(63).fill(0)] as number[], 'feature 0 is null, expected a number from -16 to 16'],
    [[0, '', ...Array(62).fill(0)] as number[], 'feature 1 is "", expected a number from -16 to 16'],
  ])('sends nothing when the features do not fit: %#', async ([features, message], test) => {
    const { service, client } = await start(test)
    await assert.rejects(client.predict(features), { name: 'RangeError', message })
    assert.equal(service.seen.length, 1)
  })

  it('fails with the status, code and message of the service', async test => {
    const { service, client } = await start(test)
    service.answer = (_request, response) =>
      response
        .writeHead(503, { 'content-type': 'application/json', 'retry-after': '2' })
        .end('{"message": "Too many requests are waiting.", "code": "QUEUE_FULL"}')
    await assert.rejects(client.predict(digits.features), (error: unknown) => {
      assert.ok(error instanceof RequestError)
      assert.equal(error.message, 'Too many requests are waiting.')
      assert.deepEqual([error.status, error.code, error.retryAfterSeconds], [503, 'QUEUE_FULL', 2])
      return true
    })
  })

  it('fails with the status when a proxy answers', async test => {
    const { service, client } = await start(test)
    service.answer = (_request, response) => response.writeHead(502).end('<h1>Bad Gateway</h1>')
    await assert.rejects(client.predict([digits.features]), {
      name: 'RequestError',
      status: 502,
      code: undefined,
      message: `${service.url}/score was answered with status 502: <h1>Bad Gateway</h1>`,
    })
  })

  it('says when nothing answers', async () => {
    const url = 'http://127.0.0.1:1/api/v1/service/digits'
    await assert.rejects(EncryptedLinearClient.create({ url, key }), {
      name: 'RequestError',
      status: undefined,
      message: `could not reach ${url}/encrypted: bad port`,
    })
  })

  it('says when the service has no fast mode, or another', async test => {
    const service = await runEncryptedDouble(test, model)
    service.answer = (_request, response) => response.end('{}')
    await assert.rejects(EncryptedLinearClient.create({ url: service.url, key }), {
      name: 'WireError',
      message: `${service.url} has no fast mode of encrypted scoring; its service.json needs "encrypted": { "maxFeature": … }`,
    })
    service.answer = (_request, response) => response.end('{"fast": {"scheme": "ckks"}}')
    await assert.rejects(EncryptedLinearClient.create({ url: service.url, key }), /"scheme" is "ckks"/)
  })

  it('notices that the model has been replaced by one with other scales', async test => {
    const { service, client } = await start(test)
    const double = (values: number[]) => values.map(value => value * 2)
    service.replaceModel(linear(digits.coef.map(double), double(digits.intercept)))
    await assert.rejects(client.predict(digits.features), {
      name: 'WireError',
      message: /of another model than the request.*create the client again/,
    })
  })

  it('scores with replaced weights when the scales are the same', async test => {
    const { service, client } = await start(test)
    service.replaceModel(linear(digits.coef.toReversed(), digits.intercept.toReversed()))
    assertScores((await client.predict(digits.features)).toReversed())
  })

  it('stops when its signal does', async test => {
    const { service, client } = await start(test)
    service.answer = () => undefined
    const failure = client.predict(digits.features, { signal: AbortSignal.timeout(50) })
    await assert.rejects(failure, { name: 'TimeoutError' })
  })
})
