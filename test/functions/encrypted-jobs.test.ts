import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { EncryptedLinearClient } from '../../src/client/encrypted-linear-client.ts'
import type { GenuineClient } from '../encrypted/support/genuine-client.ts'
import { findBlobsWith } from '../support/blobs-with.ts'
import {
  keyContainer as container,
  type EncryptedApp,
  runEncryptedApp,
  encryptedService as service,
} from '../support/encrypted-app.ts'
import { lineError } from '../support/line-error.ts'

const { rows, scores: expected } = JSON.parse(
  await readFile('test/fixtures/encrypted/held-out-digits.json', 'utf8'),
) as { rows: number[][]; scores: number[][] }
const row = (index: number) => rows[index] as number[]
const accountKey = (connectionString: string) => /AccountKey=([^;]+)/.exec(connectionString)?.[1] as string

describe('POST /jobs: rows with encrypted features', () => {
  const cleanUps: (() => unknown)[] = []
  let running: EncryptedApp
  let original: GenuineClient
  let fast: EncryptedLinearClient
  beforeAll(async () => {
    running = await runEncryptedApp({ onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
    original = await running.newClient(1)
    fast = await EncryptedLinearClient.create({ url: running.url, key: await running.app.keyOf(service) })
    for (const name of ['input', 'output']) await running.blobs.createContainer(name)
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const upload = async (name: string, lines: readonly unknown[], pack = (text: string) => Buffer.from(text)) => {
    const content = pack(lines.map(line => JSON.stringify(line)).join('\n'))
    await running.blobs.getContainerClient('input').getBlockBlobClient(name).uploadData(content)
    return { input: { blob: `input/${name}` } }
  }
  const originalBody = (index: number) => ({
    ...{ data: original.encrypt(row(index)), key_id: original.keyId },
    ...{ conn_str: running.storage, container },
  })
  const fastBody = (index: number) => ({ data: Buffer.from(fast.encrypt(row(index))).toString('base64') })
  /** What the same body gets over HTTP, as a line of the output has it. */
  const overHttp = async (body: unknown, line: number) => {
    const response = await running.app.score(service, JSON.stringify(body))
    const text = await response.text()
    return response.ok ? { prediction: JSON.parse(text) } : { error: lineError(JSON.parse(text), line) }
  }

  it('get the reply or the error of the same request over HTTP, in both modes, beside plain rows', async () => {
    const bodies = [
      originalBody(0),
      fastBody(1),
      { ...originalBody(2), key_id: 'a'.repeat(32) },
      { data: 'XqEQBAUB' },
      { ...originalBody(3), conn_str: 'AccountName=another;AccountKey=c2VjcmV0' },
      { ...originalBody(3), container: 'jobs' },
      { data: [1, 2, 'XqEQ'], key_id: original.keyId },
    ]
    const { job, lines } = await running.runJob(await upload('mixed.jsonl', [row(4), ...bodies, { data: [row(5)] }]))
    assert.deepEqual([job.progress.succeeded, job.progress.failed], [3, 6])
    const [plain, ...replies] = lines.map(line => JSON.parse(line))
    assert.equal(argmax(plain.prediction), argmax(expected[4] as number[]))
    const last = replies.pop()
    for (const [at, { index, ...reply }] of replies.entries()) {
      assert.equal(index, at + 1)
      assert.deepEqual(reply, await overHttp(bodies[at], at + 2))
    }
    assert.equal(last.error.code, 'ROW_IS_A_BODY')
    const scores = (replies[0].prediction as string[]).map(text => original.decrypt(Buffer.from(text, 'base64')))
    scores.forEach((score, at) => {
      assert.ok(Math.abs(score - (expected[0]?.[at] as number)) <= 1e-6)
    })
    assert.equal(argmax(Array.from(fast.decrypt(replies[1].prediction))), argmax(expected[1] as number[]))
    const codes = replies.slice(2).map(({ error }) => error.code)
    assert.deepEqual(codes, ['PUBLIC_KEYS_UNKNOWN', ...Array(4).fill('INPUT_INVALID')])
  })

  it('get their reply from a packed file and from the submission itself, which leave no connection string behind', async () => {
    const secret = accountKey(running.storage)
    const packed = await running.runJob(await upload('rows.jsonl.gz', [originalBody(0), fastBody(1)], gzipSync))
    const inline = await running.runJob({ input: { rows: [originalBody(0), fastBody(1)] } })
    for (const { job, lines } of [packed, inline]) {
      assert.deepEqual([job.progress.succeeded, job.progress.failed], [2, 0], lines.join().slice(0, 500))
      assert.equal(JSON.parse(lines[0] as string).prediction.length, 10)
    }
    assert.deepEqual(await findBlobsWith(running.blobs.getContainerClient('jobs'), secret), [])
    assert.ok(!running.app.output().includes(secret))
  })

  it('come in smaller chunks, as their predictions are larger than they are', async () => {
    // 220 KB and a reply of 1.75 MB each.
    const body = originalBody(0)
    const { job, lines } = await running.runJob({
      ...(await upload('many.jsonl', Array(12).fill(body))),
      output: { blob: 'output/many.jsonl' },
      miniBatchSize: 1000,
    })
    assert.deepEqual([job.progress.succeeded, job.progress.chunks], [12, 2])
    const replies = lines.map(line => JSON.parse(line).prediction as string[])
    assert.equal(replies.length, 12)
    for (const reply of replies) assert.deepEqual(reply, replies[0])
  })
})

const argmax = (values: readonly number[]) => values.indexOf(Math.max(...values))
