import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, it } from 'vitest'
import type { ChaosJob, ChaosOutput } from './job-maker.ts'
import { findPartialFaults, findRowFaults } from './row-faults.ts'

const plain: ChaosOutput = {
  ...({ blob: 'output/a.jsonl', format: 'jsonl', hasId: false, hasFile: false } as const),
  rows: [
    { index: 0, file: 'input/a', id: undefined, expected: { prediction: 6 } },
    { index: 1, file: 'input/a', id: undefined, expected: { code: 'ROW_NOT_JSON' } },
    { index: 2, file: 'input/a', id: undefined, expected: { prediction: 6 } },
  ],
}
const right = [
  '{"index": 0, "prediction": 6}',
  '{"index": 1, "error": {"code": "ROW_NOT_JSON"}}',
  '{"index": 2, "prediction": 6}',
]
const text = (lines: readonly string[]) => Buffer.from(lines.map(line => `${line}\n`).join(''))

describe('findRowFaults', () => {
  it('finds nothing where each row is there once, in order', async () => {
    assert.deepEqual(await findRowFaults(plain, text(right)), [])
    assert.deepEqual(await findRowFaults(plain, gzipSync(text(right))), [])
  })

  it.each([
    ['a row that is missing', text(right.slice(0, 2)), /has 2 rows, not 3/],
    ['a row that is there twice', text([...right, right[2] as string]), /has 4 rows, not 3/],
    ['rows in another order', text(right.toReversed()), /line 0 is .*"index":2/],
    ['another prediction', text(right.with(2, '{"index": 2, "prediction": 7}')), /line 2 is .*7.* instead of .*6/],
    [
      'an error in place of a prediction',
      text(right.with(0, '{"index": 0, "error": {"code": "X"}}')),
      /line 0 is .*"X"/,
    ],
    ['a prediction in place of an error', text(right.with(1, '{"index": 1, "prediction": 6}')), /line 1 is/],
    ['a file nobody asked for', text(right.with(0, '{"index": 0, "file": "b", "prediction": 6}')), /line 0 is/],
    ['half a line', text(right).subarray(0, -4), /cannot be read: the last line has no end/],
    ['half of a gzip', gzipSync(text(right)).subarray(0, 30), /30 bytes cannot be read/],
  ])('finds %s', async (_, content, fault) => {
    assert.match((await findRowFaults(plain, content)).join('\n'), fault)
  })

  it('finds a row of another file, and a cell of another row, in every format', async () => {
    const joined = { ...plain, hasId: true, hasFile: true }
    const rows = [
      { index: 0, file: 'input/a', id: 'one', expected: { prediction: 1 } },
      { index: 0, file: 'input/b', id: undefined, expected: { prediction: 2 } },
    ]
    const csv = { ...joined, format: 'csv', rows } as const
    const header = 'index,id,file,prediction,error_code,error_message'
    assert.deepEqual(await findRowFaults(csv, text([header, '0,one,input/a,1.0,,', '0,,input/b,2.0,,'])), [])
    const exchanged = await findRowFaults(csv, text([header, '0,,input/a,1.0,,', '0,one,input/b,2.0,,']))
    assert.equal(exchanged.length, 2)
    const table = (files: string[]) =>
      Buffer.from(
        parquetWriteBuffer({
          columnData: [
            { name: 'index', data: [0n, 0n], type: 'INT64' },
            { name: 'id', data: ['one', null], type: 'STRING' },
            { name: 'file', data: files, type: 'STRING' },
            { name: 'prediction', data: [1, 2], type: 'DOUBLE' },
            { name: 'error_code', data: [null, null], type: 'STRING' },
          ],
        }),
      )
    const parquet = { ...csv, format: 'parquet' } as const
    assert.deepEqual(await findRowFaults(parquet, table(['input/a', 'input/b'])), [])
    assert.match((await findRowFaults(parquet, table(['input/b', 'input/a']))).join('\n'), /line 0 .*input\/b.*line 1/s)
  })
})

describe('findPartialFaults', () => {
  const job = { outputs: [plain] } as unknown as ChaosJob
  const chunks = (...contents: string[][]) => contents.map((lines, at) => [`out/${at}`, text(lines)] as const)

  it('takes any of the rows, each once', async () => {
    assert.deepEqual(await findPartialFaults(job, chunks([right[0] as string], [right[2] as string])), [])
    assert.deepEqual(await findPartialFaults(job, []), [])
  })

  it('finds a row that is there twice, or wrong', async () => {
    assert.match(
      (await findPartialFaults(job, chunks(right, [right[2] as string]))).join(),
      /out\/1: .*no row, or there twice/,
    )
    assert.match((await findPartialFaults(job, chunks(['{"index": 0, "prediction": 5}']))).join(), /out\/0: .*5/)
  })

  it('finds the rows of several outputs, whatever file they are of', async () => {
    const other = { ...plain, rows: [{ index: 0, file: 'input/b', id: undefined, expected: { prediction: 6 } }] }
    const several = { outputs: [plain, other] } as unknown as ChaosJob
    const first = right[0] as string
    assert.deepEqual(await findPartialFaults(several, chunks([first], [first])), [])
    assert.equal((await findPartialFaults(several, chunks([first], [first], [first]))).length, 1)
  })
})
