import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { chooseInputFormat } from '../../../src/jobs/requests/file-formats.ts'

describe('chooseInputFormat', () => {
  it('uses the extension of the name', () => {
    const endings = {
      'input/a.jsonl': { format: 'jsonl', isGzip: false },
      'input/a.NDJSON': { format: 'jsonl', isGzip: false },
      'input/2026.11.21/a.csv.gz': { format: 'csv', isGzip: true },
      'input/a.json.GZ': { format: 'json', isGzip: true },
      '/input/a.parquet': { format: 'parquet', isGzip: false },
    } as const
    for (const [name, expected] of Object.entries(endings)) assert.deepEqual(chooseInputFormat(name), expected, name)
  })

  it('prefers what the submission says', () => {
    assert.deepEqual(chooseInputFormat('input/a.csv.gz', { format: 'jsonl' }), { format: 'jsonl', isGzip: true })
    assert.deepEqual(chooseInputFormat('input/a.csv.gz', { isGzip: false }), { format: 'csv', isGzip: false })
    assert.deepEqual(chooseInputFormat('input/rows', { format: 'json', isGzip: true }), {
      format: 'json',
      isGzip: true,
    })
  })

  it('asks for the format when neither says it', () => {
    for (const name of ['input/rows', 'input/rows.txt', 'input/rows.gz', 'input.csv/rows', '']) {
      assert.throws(
        () => chooseInputFormat(name),
        { code: 'JOB_INVALID', message: /^input\.format: .*"parquet"$/ },
        name,
      )
    }
  })

  it('refuses a gzipped Parquet file, which cannot be read in ranges', () => {
    assert.throws(() => chooseInputFormat('input/a.parquet.gz'), { code: 'JOB_INVALID', message: /\.parquet file/ })
    assert.throws(() => chooseInputFormat('input/a.gz', { format: 'parquet' }), { code: 'JOB_INVALID' })
  })
})
