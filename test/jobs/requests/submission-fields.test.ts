import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { mergeSubmissions, readFields } from '../../../src/jobs/requests/submission-fields.ts'

describe('readFields', () => {
  it('puts fields where members of their names are, as values of their types', () => {
    const fields = new URLSearchParams(
      'jobId=2026&output=output/7.csv&output.format=csv&format=csv&header=false&columns=a,b&include=7&miniBatchSize=100&errorThreshold=-1',
    )
    assert.deepEqual(readFields(fields), {
      jobId: '2026',
      input: { format: 'csv', header: false, columns: ['a', 'b'] },
      output: { blob: 'output/7.csv', format: 'csv', include: ['7'] },
      miniBatchSize: 100,
      errorThreshold: -1,
    })
  })

  it('reads a word that stands for a list', () => {
    assert.deepEqual(
      readFields([
        ['include', 'all'],
        ['output.columns', 'a,b'],
      ]),
      {
        output: { include: 'all', columns: ['a', 'b'] },
      },
    )
  })

  it.each([
    [[['header', 'yes']], /header: must be true or false, came "yes"/],
    [[['miniBatchSize', '1e3']], /miniBatchSize: must be a whole number, came "1e3"/],
    [
      [
        ['format', 'csv'],
        ['input.format', 'csv'],
      ],
      /input.format: is given twice/,
    ],
    [[['colour', 'red']], /unrecognized "colour"/],
    [[['output.__proto__.x', '1']], /unrecognized "output.__proto__.x"/],
  ] as const)('refuses %j', (fields, message) => {
    assert.throws(() => readFields(fields), message)
  })
})

describe('mergeSubmissions', () => {
  it('prefers the second, member by member', () => {
    const merged = mergeSubmissions(
      { jobId: 'a', input: { format: 'csv', header: true }, maxRetries: 1 },
      { jobId: 'b', input: { header: false } },
    )
    assert.deepEqual(merged, { jobId: 'b', input: { format: 'csv', header: false }, maxRetries: 1 })
  })
})
