import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { chooseOutputFormat } from '../../../src/jobs/requests/file-formats.ts'

type Given = Parameters<typeof chooseOutputFormat>[1]

describe('chooseOutputFormat', () => {
  const formatOf = (name: string | undefined, given?: Given) => {
    const { format, isGzip } = chooseOutputFormat(name, given)
    return `${format}${isGzip ? '.gz' : ''}`
  }

  it('uses a known extension, and otherwise the format that was asked for', () => {
    for (const name of ['a.csv', 'a.jsonl', 'a.parquet', 'a.csv.gz', 'a.jsonl.gz'])
      assert.equal(formatOf(`output/${name}`), name.slice(2))
    assert.equal(formatOf('output/A.CSV', { format: 'csv' }), 'csv')
    assert.equal(formatOf('output/a.ndjson'), 'jsonl')
    assert.equal(formatOf('output/a.ndjson.GZ', { isGzip: true }), 'jsonl.gz')
    assert.equal(formatOf('output/a.pq', { format: 'parquet' }), 'parquet')
    for (const name of ['output/a', 'output/run.2026-11-28', 'output/v1.2', 'output/a.txt', 'output/csv']) {
      assert.equal(formatOf(name), 'jsonl')
      assert.equal(formatOf(name, { format: 'parquet' }), 'parquet')
      assert.equal(formatOf(name, { format: 'csv', isGzip: true }), 'csv.gz')
    }
    assert.equal(formatOf(undefined, { format: 'csv' }), 'csv')
    assert.equal(formatOf('output/a.gz'), 'jsonl.gz')
  })

  it('refuses the extension of another format and names the ones that work', () => {
    const refuses = (name: string, given: Given, message: RegExp) =>
      assert.throws(() => chooseOutputFormat(name, given), { code: 'JOB_INVALID', message }, name)
    for (const ending of ['json', 'xlsx', 'zip', 'PARQUET.zip', 'npy', 'tsv', 'avro', 'csv.zst'])
      refuses(
        `output/a.${ending}`,
        undefined,
        /^output\.blob: ends with "\.\w+", but the job writes jsonl, csv or parquet; use a name that ends with \.jsonl, \.ndjson, \.csv, \.parquet or \.pq$/,
      )
    refuses(
      'output/a.csv',
      { format: 'jsonl' },
      /ends with "\.csv", but the job writes jsonl; .* with \.jsonl or \.ndjson$/,
    )
    refuses('output/a.ndjson', { format: 'csv' }, /ends with "\.ndjson", but the job writes csv; .* ends with \.csv$/)
    refuses('output/a.parquet', { format: 'csv' }, /ends with "\.parquet", but the job writes csv; .* ends with \.csv$/)
    refuses(
      'output/a.parquet.gz',
      undefined,
      /ends with "\.gz", but the job writes parquet; .* with \.parquet or \.pq$/,
    )
    refuses('output/a.csv', { isGzip: true }, /but the job writes csv, gzipped; use a name that ends with \.csv\.gz$/)
    refuses('output/a.csv.gz', { isGzip: false }, /ends with "\.gz", but the job writes csv; .* ends with \.csv$/)
    refuses('output/a', { isGzip: true, format: 'parquet' }, /^output\.isGzip: applies to jsonl and csv; Parquet is/)
  })
})
