import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { outputFormatOf } from '../../../src/jobs/requests/output-format.ts'

describe('outputFormatOf', () => {
  it('follows the ending, and where there is none that says anything, what is asked for', () => {
    assert.equal(outputFormatOf('output/a.csv', undefined), 'csv')
    assert.equal(outputFormatOf('output/A.CSV', 'csv'), 'csv')
    assert.equal(outputFormatOf('output/a.jsonl', undefined), 'jsonl')
    assert.equal(outputFormatOf('output/a.ndjson', undefined), 'jsonl')
    for (const name of ['output/a', 'output/run.2026-11-28', 'output/v1.2', 'output/a.txt', 'output/csv']) {
      assert.equal(outputFormatOf(name, undefined), 'jsonl')
      assert.equal(outputFormatOf(name, 'csv'), 'csv')
    }
    assert.equal(outputFormatOf(undefined, 'csv'), 'csv')
  })

  it('refuses a name that promises another format, and says which endings work', () => {
    const refuses = (name: string, given: 'csv' | 'jsonl' | undefined, message: RegExp) =>
      assert.throws(() => outputFormatOf(name, given), { code: 'JOB_INVALID', message })
    for (const ending of ['parquet', 'json', 'csv.gz', 'jsonl.gz', 'xlsx', 'zip', 'PARQUET', 'npy', 'tsv']) {
      refuses(
        `output/a.${ending}`,
        undefined,
        /^output\.blob: ends with "\.\w+", .* end with \.jsonl, \.ndjson or \.csv$/,
      )
    }
    refuses('output/a.csv', 'jsonl', /ends with "\.csv", but jsonl .* end with \.jsonl or \.ndjson$/)
    refuses('output/a.ndjson', 'csv', /ends with "\.ndjson", but csv .* end with \.csv$/)
  })
})
