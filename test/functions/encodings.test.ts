import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { brotliCompressSync, deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib'
import { describe, it } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { runApp } from '../support/running-app.ts'

const files = {
  'sut/service.json': { limits: { maxBodyBytes: 100_000 } },
  'sut/1/model.onnx': identityModel('float32'),
}
const rows = '{"data": [[1, 2]]}'
const codeOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code]

describe('POST /score: content encodings', () => {
  it('of a request are undone, up to the limit', async test => {
    const app = await runApp(test, files)
    await app.settled()
    const send = (encoding: string, body: Uint8Array) =>
      app.score('sut', body as Uint8Array<ArrayBuffer>, { 'content-encoding': encoding })
    const bodies: [string, Uint8Array][] = [
      ['gzip', gzipSync(rows)],
      ['GZIP', gzipSync(rows)],
      ['deflate', deflateSync(rows)],
      ['deflate', deflateRawSync(rows)], // as .NET's DeflateStream writes it
      ['br', brotliCompressSync(rows)],
      ['identity', Buffer.from(rows)],
    ]
    for (const [encoding, body] of bodies)
      assert.equal(await (await send(encoding, body)).text(), '[[1.0, 2.0]]', encoding)
    assert.deepEqual(await codeOf(await send('gzip', Buffer.from(rows))), [400, 'BODY_NOT_DECOMPRESSIBLE'])
    assert.deepEqual(await codeOf(await send('gzip', gzipSync(rows).subarray(0, 20))), [400, 'BODY_NOT_DECOMPRESSIBLE'])
    assert.deepEqual(await codeOf(await send('zstd', Buffer.from(rows))), [415, 'CONTENT_ENCODING_UNSUPPORTED'])
    assert.deepEqual(await codeOf(await send('gzip, gzip', gzipSync(gzipSync(rows)))), [
      415,
      'CONTENT_ENCODING_UNSUPPORTED',
    ])
    assert.deepEqual(await codeOf(await send('gzip', gzipSync(Buffer.alloc(50_000_000)))), [413, 'BODY_TOO_LARGE'])
  })

  it('of an answer are gzip where the client takes it, else deflate, where there is something to gain', async test => {
    const app = await runApp(test, files)
    await app.settled()
    const key = await app.keyOf('sut')
    const call = (body: string, accept?: string) =>
      new Promise<{ encoding: string | undefined; vary: string | undefined; bytes: Buffer }>((resolve, reject) => {
        const headers = {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          ...(accept ? { 'accept-encoding': accept } : {}),
        }
        const request = httpRequest(
          `${app.url}/api/v1/service/sut/score`,
          { method: 'POST', headers },
          async response => {
            const bytes = Buffer.concat(await response.toArray())
            resolve({ encoding: response.headers['content-encoding'], vary: response.headers.vary, bytes })
          },
        )
        request.on('error', reject).end(body)
      })
    const many = JSON.stringify({ data: Array(500).fill([1, 2]) })
    const expected = `[${Array(500).fill('[1.0, 2.0]').join(', ')}]`
    for (const accept of ['gzip', 'deflate, gzip;q=0.5, br', '*']) {
      const { encoding, vary, bytes } = await call(many, accept)
      assert.deepEqual([encoding, vary, gunzipSync(bytes).toString()], ['gzip', 'Accept-Encoding', expected], accept)
    }
    const { encoding, bytes } = await call(many, 'deflate')
    assert.deepEqual([encoding, inflateSync(bytes).toString()], ['deflate', expected])
    for (const accept of [undefined, 'br', 'gzip;q=0', 'gzip;q=0, *']) {
      const { encoding, vary, bytes } = await call(many, accept)
      assert.deepEqual([encoding, vary, bytes.toString()], [undefined, 'Accept-Encoding', expected], accept)
    }
    assert.equal((await call(rows, 'gzip')).encoding, undefined)
  })
})
