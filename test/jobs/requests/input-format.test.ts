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
      'input/a.pq': { format: 'parquet', isGzip: false },
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
    for (const name of ['input/rows', 'input/rows.dat', 'input/rows.gz', 'input.csv/rows', '']) {
      assert.throws(
        () => chooseInputFormat(name),
        { code: 'JOB_INVALID', message: /^input\.format: .*"parquet"$/ },
        name,
      )
    }
  })

  it('says what can be done with other files of tables', () => {
    for (const [name, message] of [
      ['a.tsv', /ends with "\.tsv"; set it to "csv", and "delimiter" to what separates the cells, e\.g\. "\\t"$/],
      ['a.TXT.gz', /ends with "\.txt"; set it to "csv"/],
      ['a.xlsx', /ends with "\.xlsx"; workbooks are not read: save the sheet as CSV/],
      ['a.feather', /ends with "\.feather"; such files are not read: write the table as Parquet or CSV$/],
    ] as const)
      assert.throws(() => chooseInputFormat(`input/${name}`), { code: 'JOB_INVALID', message }, name)
    assert.deepEqual(chooseInputFormat('input/a.tsv', { format: 'csv' }), { format: 'csv', isGzip: false })
  })

  it('refuses a gzipped Parquet file, which cannot be read in ranges', () => {
    assert.throws(() => chooseInputFormat('input/a.parquet.gz'), { code: 'JOB_INVALID', message: /\.parquet file/ })
    assert.throws(() => chooseInputFormat('input/a.gz', { format: 'parquet' }), { code: 'JOB_INVALID' })
  })
})
