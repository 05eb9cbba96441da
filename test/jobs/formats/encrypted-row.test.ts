import assert from 'node:assert/strict'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, it } from 'vitest'
import { isEncryptedRow, withoutSecrets, withoutSecretsInText } from '../../../src/jobs/formats/encrypted-row.ts'
import { readRows } from '../../../src/jobs/formats/read-rows.ts'
import { plan, readerOf } from '../inputs.ts'

const inputs = [{ name: 'data', dtype: 'float32' as const, shape: ['N', 2] }]
const connection = 'DefaultEndpointsProtocol=https;AccountName=mine;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net'

describe('isEncryptedRow', () => {
  it.each<[unknown, boolean]>([
    [{ data: 'XqEQBAUB' }, true],
    [{ data: ['XqEQAwUB', 'XqEQAwUB'], key_id: 'a' }, true],
    [{ data: [], key_id: 'a' }, true],
    [{ key_id: 'a' }, true],
    [{ data: [1, 2] }, false],
    [{ data: [[1, 2]] }, false],
    [{ data: [] }, false],
    [[1, 2], false],
    ['XqEQBAUB', false],
    [null, false],
  ])('tells %j from numbers: %s', (row, isEncrypted) => {
    assert.equal(isEncryptedRow(row), isEncrypted)
  })
})

describe('readRows of a service with encrypted features', () => {
  it('knows bodies of encrypted requests from rows, also where the input is called data', async () => {
    const lines = ['[1, 2]', '{"data": [1, 2]}', '{"data": "XqEQBAUB"}', '{"data": ["XqEQAwUB"], "key_id": "a"}']
    const options = { format: 'jsonl', inputs, takesEncrypted: true, maxRowBytes: 1000 } as const
    const rows = await readRows(readerOf(lines.join('\n'))(), { rowCount: 4 }, options)
    assert.deepEqual(rows, [
      { json: lines[0] },
      { json: lines[1] },
      { json: lines[2], isEncrypted: true },
      { json: lines[3], isEncrypted: true },
    ])
  })
})

describe('withoutSecrets', () => {
  it('keeps of a connection string what names the account', () => {
    const kept = 'AccountName=mine;EndpointSuffix=core.windows.net'
    assert.deepEqual(withoutSecrets({ data: ['X'], conn_str: connection }), { data: ['X'], conn_str: kept })
    assert.deepEqual(
      withoutSecrets({
        conn_str: 'BlobEndpoint=https://mine.example/?sig=c2VjcmV0;SharedAccessSignature=sig=c2VjcmV0',
      }),
      { conn_str: 'BlobEndpoint=https://mine.example/' },
    )
    assert.deepEqual(withoutSecrets({ conn_str: 'UseDevelopmentStorage=true' }), {
      conn_str: 'UseDevelopmentStorage=true',
    })
  })

  it('leaves other rows as they are', () => {
    for (const row of [[1], { a: 1 }, { conn_str: null }, 'text', null]) assert.equal(withoutSecrets(row), row)
  })
})

describe('withoutSecretsInText', () => {
  const inText = (text: string) => Buffer.from(withoutSecretsInText(Buffer.from(text))).toString()

  it('keeps the text of other rows', () => {
    for (const text of ['[1.0, 2e3]', '{"a": "\\n"}', '{"a": 1', '\\']) assert.equal(inText(text), text)
  })

  it('removes a secret whose name is spelt with escapes, or that stands twice', () => {
    assert.equal(inText('{"conn\\u005fstr": "AccountKey=c2VjcmV0"}'), '{"conn_str":""}')
    assert.equal(inText('{"conn_str": "AccountKey=c2VjcmV0", "conn_str": "AccountKey=b3RoZXI="}'), '{"conn_str":""}')
  })

  it('makes other text of a row that is not JSON, which is not JSON either', async () => {
    const text = inText('{"conn_str": "AccountKey=c2VjcmV0", "data": ')
    assert.doesNotMatch(text, /c2VjcmV0/)
    const options = { format: 'jsonl', inputs, takesEncrypted: true, maxRowBytes: 1000 } as const
    const [row] = await readRows(readerOf(text)(), { rowCount: 1 }, options)
    assert.ok(row && 'code' in row && row.code === 'ROW_NOT_JSON')
  })

  it('is applied to the text that chunks of a packed file have', async () => {
    const content = gzipSync(`[1, 2]\n${JSON.stringify({ data: ['X'], conn_str: connection })}\n`)
    const texts = async (takesEncrypted: boolean) => {
      const { chunks } = await plan(content, { format: 'jsonl', isGzip: true, takesEncrypted })
      return chunks.map(chunk => Buffer.from(chunk.content ?? '').toString())
    }
    assert.deepEqual(await texts(true), [
      '[1, 2]\n{"data":["X"],"conn_str":"AccountName=mine;EndpointSuffix=core.windows.net"}',
    ])
    assert.deepEqual(await texts(false), [gunzipSync(content).toString().trimEnd()])
  })
})
