import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { deflateSync } from 'node:zlib'
import type { BlobServiceClient } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { EncryptedLinearClient } from '../../src/client/encrypted-linear-client.ts'
import type { Kernel } from '../../src/encrypted/kernel.ts'
import { GenuineClient } from '../encrypted/support/genuine-client.ts'
import {
  keyContainer as container,
  type EncryptedApp,
  runEncryptedApp,
  encryptedService as service,
} from '../support/encrypted-app.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import type { RunningApp } from '../support/running-app.ts'

const { rows, scores: expected } = JSON.parse(
  await readFile('test/fixtures/encrypted/held-out-digits.json', 'utf8'),
) as { rows: number[][]; scores: number[][] }
const cleanUps: (() => unknown)[] = []
const test = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }

describe('POST /score: encrypted features', () => {
  let app: RunningApp
  let kernel: Kernel
  let blobs: BlobServiceClient
  let call: EncryptedApp['call']
  let newClient: EncryptedApp['newClient']
  beforeAll(async () => {
    const model = await readFile(`examples/${service}/1/model.onnx`)
    const plain = { 'plain/service.json': {}, 'plain/1/model.onnx': model }
    ;({ app, kernel, blobs, call, newClient } = await runEncryptedApp(test, plain))
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const score = (body: object) => app.score(service, JSON.stringify(body))
  const refused = async (response: Response) => {
    const { code, message } = (await response.json()) as { code: string; message: string }
    return `${response.status} ${code} ${message}`
  }
  const scoreWith = async (client: GenuineClient, row: number[]) => {
    const response = await score({ data: client.encrypt(row), key_id: client.keyId })
    assert.equal(response.status, 200, await response.clone().text())
    const replies = (await response.json()) as string[]
    return replies.map(reply => client.decrypt(Buffer.from(reply, 'base64')))
  }
  const requireClose = (scores: readonly number[], index: number) => {
    const right = expected[index] as number[]
    assert.equal(scores.length, right.length)
    scores.forEach((each, at) => {
      assert.ok(Math.abs(each - (right[at] as number)) <= 1e-6, `row ${index}: ${each}, expected ${right[at]}`)
    })
    assert.equal(argmax(scores), argmax(right))
  }

  it('scores for two callers with different keys at the same time', async () => {
    const clients = [await newClient(1), await newClient(2)]
    const all = await Promise.all(
      clients.flatMap(client =>
        [0, 1, 2].map(async index => ({ index, scores: await scoreWith(client, rows[index]!) })),
      ),
    )
    for (const { index, scores } of all) requireClose(scores, index)
  })

  it('scores in the fast mode, as JSON and as bytes', async () => {
    const url = `${app.url}/api/v1/service/${service}`
    const client = await EncryptedLinearClient.create({ url, key: await app.keyOf(service) })
    const scores = await client.predict(rows.slice(0, 10))
    scores.forEach((each: ArrayLike<number>, index: number) => {
      const right = expected[index] as number[]
      assert.equal(argmax(Array.from(each)), argmax(right))
    })
  })

  it('scores a body that begins with a byte order mark', async () => {
    const url = `${app.url}/api/v1/service/${service}`
    const client = await EncryptedLinearClient.create({ url, key: await app.keyOf(service) })
    const data = Buffer.from(client.encrypt(rows[0] as number[])).toString('base64')
    const response = await app.score(service, `\ufeff${JSON.stringify({ data })}`)
    assert.equal(response.status, 200, await response.clone().text())
    const scores = client.decrypt((await response.json()) as object)
    assert.equal(argmax(scores), argmax(expected[0] as number[]))
  })

  it('still scores plain rows', async () => {
    const response = await score({ data: rows.slice(0, 2) })
    assert.equal(response.status, 200)
    const answer = (await response.json()) as number[][]
    answer.forEach((each, index) => {
      assert.equal(argmax(each), argmax(expected[index] as number[]))
    })
  })

  it('publishes what clients need, with a key', async () => {
    const response = await call('GET', `${service}/encrypted`)
    assert.equal(response.status, 200)
    const { featureCount, classCount, original, fast } = (await response.json()) as Record<string, unknown>
    assert.deepEqual([featureCount, classCount], [64, 10])
    assert.ok(original && fast)
    assert.equal((await call('GET', `${service}/encrypted`, undefined, 'wrong')).status, 401)
    const missing = await call('GET', 'plain/encrypted', undefined, app.keyOf('plain'))
    assert.match(await refused(missing), /^404 NOT_ENCRYPTED service "plain" takes no encrypted features/)
  })

  describe('refuses by the name of the field', () => {
    const ciphertext = () => new GenuineClient(kernel, Buffer.alloc(64, 9)).encrypt(rows[0] as number[])
    const unknown = 'a'.repeat(32)

    it.each<[string, () => object, RegExp]>([
      [
        'a key id of which there are no keys',
        () => ({ key_id: unknown }),
        /^400 PUBLIC_KEYS_UNKNOWN key_id: no public keys/,
      ],
      ['no key id', () => ({}), /^400 INPUT_INVALID key_id: expected the id/],
      ['a key id that is a path', () => ({ key_id: '../jobs/x' }), /^400 INPUT_INVALID key_id: expected the id/],
      ['another container', () => ({ key_id: unknown, container: 'jobs' }), /^400 INPUT_INVALID container: /],
      ['numbers among ciphertexts', () => ({ key_id: unknown, data: ['XqEQ', 1] }), /^400 INPUT_INVALID data: /],
      ['a fast request that is none', () => ({ data: 'XqEQBAUB' }), /^400 INPUT_INVALID data: it has 6 bytes/],
      ['text that is no base64', () => ({ data: '§' }), /^400 INPUT_INVALID data: it is not base64/],
      ['a connection string of nothing', () => ({ key_id: unknown, conn_str: 'x' }), /^400 INPUT_INVALID conn_str: /],
      ['a connection string of a number', () => ({ key_id: unknown, conn_str: 7 }), /^400 INPUT_INVALID conn_str: /],
    ])('%s', async (_, more, message) => {
      assert.match(await refused(await score({ data: ciphertext(), ...more() })), message)
    })

    it('a ciphertext too many, and one that inflates to too much', async () => {
      const client = await newClient(3)
      const [text = ''] = client.encrypt(rows[0] as number[])
      const more = await score({ data: ['XqEQ', 'XqEQ'], key_id: client.keyId })
      assert.match(await refused(more), /^400 INPUT_INVALID data: it has 2 ciphertexts/)
      const packed = deflateSync(Buffer.alloc(50_000_000))
      const head = Buffer.from(text, 'base64').subarray(0, 16)
      head.writeBigUInt64LE(BigInt(16 + packed.length), 8)
      const bomb = Buffer.concat([head, packed]).toString('base64')
      const inflated = await score({ data: [bomb], key_id: client.keyId })
      assert.match(await refused(inflated), /^400 INPUT_INVALID data\[0\]: it inflates to more than/)
    })

    it('a body that is longer than any encrypted request', async () => {
      const response = await score({ data: ['X'.repeat(400_000)], key_id: unknown })
      assert.match(await refused(response), /^413 BODY_TOO_LARGE/)
    })
  })

  it('answers mutated requests with 400, or with scores of what they say', async () => {
    const client = await newClient(4)
    const text = JSON.stringify({ data: client.encrypt(rows[0] as number[]), key_id: client.keyId })
    for (let index = 0; index < 60; index++) {
      const bytes = Buffer.from(text)
      // Positions over the whole body, and the head of the ciphertext.
      const at = index % 2 === 0 ? 10 + index : (index * 7919 * 31) % bytes.length
      bytes[at] = (bytes[at] as number) ^ (1 << (index % 7))
      const response = await app.score(service, new Uint8Array(bytes))
      const answer = await response.text()
      assert.ok([200, 400].includes(response.status), `byte ${at}: ${response.status} ${answer.slice(0, 200)}`)
    }
    requireClose(await scoreWith(client, rows[1] as number[]), 1)
  })

  it('never connects to the storage that a caller names, and does not log its key', async () => {
    let connections = 0
    const foreign = createServer(socket => {
      connections++
      socket.destroy()
    })
    await new Promise<void>(done => foreign.listen(0, '127.0.0.1', done))
    const { port } = foreign.address() as { port: number }
    const secret = Buffer.from('a foreign secret').toString('base64')
    const client = await newClient(5)
    const endpoint = `http://127.0.0.1:${port}/devstoreaccount1`
    const response = await score({
      data: client.encrypt(rows[0] as number[]),
      key_id: client.keyId,
      container,
      conn_str: `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${secret};BlobEndpoint=${endpoint};`,
    })
    assert.match(await refused(response), /^400 INPUT_INVALID conn_str: it names another storage account/)
    assert.equal(connections, 0)
    assert.ok(!app.output().includes(secret))
    foreign.close()
  })

  it('counts lookups of public keys in /metrics, and says how many are held', async () => {
    const read = async () => {
      const page = new PrometheusPage(await (await fetch(`${app.url}/metrics`)).text())
      const labels = { scoring_service: service }
      const lookups = (reason: string) =>
        page.valueOf('scoring_public_keys_lookups_total', { ...labels, scoring_reason: reason })
      return [page.valueOf('scoring_public_keys', labels), lookups('hit'), lookups('miss')] as const
    }
    const [held = 0, hits = 0, misses = 0] = await read()
    const client = await newClient(7)
    await scoreWith(client, rows[0] as number[])
    await scoreWith(client, rows[1] as number[])
    assert.deepEqual(await read(), [held + 1, hits + 1, misses + 1])
  })

  it('stores public keys once, and only those that can be read', async () => {
    const client = await newClient(6)
    const path = `${service}/encrypted/keys/${client.keyId}`
    const again = await call('PUT', path, new Uint8Array(client.publicKeys()))
    assert.match(await refused(again), /^409 PUBLIC_KEYS_EXIST/)
    const other = `${service}/encrypted/keys/${'b'.repeat(32)}`
    assert.match(await refused(await call('PUT', other, new Uint8Array(1000))), /^400 INPUT_INVALID the public keys/)
    assert.equal(await blobs.getContainerClient(container).getBlobClient('b'.repeat(32)).exists(), false)
    assert.match(await refused(await call('PUT', other, new Uint8Array(11_000_001))), /^413 BODY_TOO_LARGE/)
    const named = await call('PUT', `${service}/encrypted/keys/UPPER`, new Uint8Array(10))
    assert.match(await refused(named), /^400 INPUT_INVALID key_id/)
  })
})

const argmax = (values: readonly number[]) => values.indexOf(Math.max(...values))
