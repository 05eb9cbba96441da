import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { chooseOutputFormat } from '../../../src/jobs/requests/file-formats.ts'

describe('chooseOutputFormat', () => {
  it('uses a known extension, and otherwise the format that was asked for', () => {
    assert.equal(chooseOutputFormat('output/a.csv', undefined), 'csv')
    assert.equal(chooseOutputFormat('output/A.CSV', 'csv'), 'csv')
    assert.equal(chooseOutputFormat('output/a.jsonl', undefined), 'jsonl')
    assert.equal(chooseOutputFormat('output/a.ndjson', undefined), 'jsonl')
    for (const name of ['output/a', 'output/run.2026-11-28', 'output/v1.2', 'output/a.txt', 'output/csv']) {
      assert.equal(chooseOutputFormat(name, undefined), 'jsonl')
      assert.equal(chooseOutputFormat(name, 'csv'), 'csv')
    }
    assert.equal(chooseOutputFormat(undefined, 'csv'), 'csv')
  })

  it('refuses the extension of another format and names the ones that work', () => {
    const refuses = (name: string, given: 'csv' | 'jsonl' | undefined, message: RegExp) =>
      assert.throws(() => chooseOutputFormat(name, given), { code: 'JOB_INVALID', message })
    for (const ending of ['parquet', 'json', 'csv.gz', 'jsonl.gz', 'xlsx', 'zip', 'PARQUET', 'npy', 'tsv']) {
      refuses(
        `output/a.${ending}`,
        undefined,
        /^output\.blob: ends with "\.\w+", .* ends with \.jsonl, \.ndjson or \.csv$/,
      )
    }
    refuses('output/a.csv', 'jsonl', /ends with "\.csv", but the job writes jsonl; .* ends with \.jsonl or \.ndjson$/)
    refuses('output/a.ndjson', 'csv', /ends with "\.ndjson", but the job writes csv; .* ends with \.csv$/)
  })
})
