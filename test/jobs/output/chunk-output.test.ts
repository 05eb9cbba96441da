import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import { parquetReadObjects } from 'hyparquet'
import { describe, it } from 'vitest'
import type { PredictionPart } from '../../../src/jobs/line-form.ts'
import { encodeChunk, encodeEmpty } from '../../../src/jobs/output/chunk-output.ts'
import { outputTable } from '../../../src/jobs/output/output-table.ts'
import { writeParquetFooter } from '../../../src/jobs/output/parquet-chunk.ts'
import { resultLines } from '../../../src/jobs/output/result-lines.ts'
import type { RowResult } from '../../../src/jobs/row-scorer.ts'

const input = { place: { blob: 'input/a.csv' }, etag: '', bytes: 1, format: 'csv', isGzip: false } as const
const predictions: PredictionPart[] = [
  { member: 'label', columns: ['label'], dtype: 'int64' },
  { member: 'p', columns: ['p'], isWhole: true, dtype: 'float32', depth: 1 },
  { member: 'text', columns: ['text'], dtype: 'string' },
]
const good = (label: string, p: string): RowResult => ({ prediction: `{"label": ${label}, "p": ${p}, "text": ""}` })
const bad: RowResult = { code: 'ROW_RAGGED', message: 'the row has 2 cells' }
const chunks = [[good('9007199254740993', '[0.1, NaN]'), bad], [bad], [good('-1', '[]'), good('7', '[Infinity, null]')]]
const blob = 'output/predictions'

describe('encodeChunk', () => {
  it('tells 0 from -0 in Parquet, however often they come', async () => {
    const table = outputTable(
      { input, output: { blob: '', format: 'parquet' } },
      { predictions: [{ columns: ['prediction'], dtype: 'float64' }] },
    )
    const expected = Array.from({ length: 200 }, (_, row) => (row % 3 === 0 ? -0 : 0))
    const results = expected.map(value => ({ prediction: Object.is(value, -0) ? '-0.0' : '0.0' }))
    const { file } = await encodeChunk(
      resultLines(results, 0, table.form),
      { ...table, blob, isFirst: true },
      undefined,
    )
    const rows = await parquetReadObjects({ file: Uint8Array.from(file).buffer })
    assert.deepEqual(
      rows.map(row => row.prediction),
      expected,
    )
  })

  it('writes a Parquet file for each chunk, whose row groups are joined by a footer', async () => {
    const table = outputTable(
      { input, output: { blob: '', format: 'parquet', include: ['id'] } },
      { columns: ['id'], predictions },
    )
    const groups: { footer: Uint8Array; bytes: number }[] = []
    const contents: Uint8Array[] = []
    const expected: object[] = []
    let row = 0
    for (const [at, results] of chunks.entries()) {
      const text = results.map((_, index) => `é${row + index}\n`).join('')
      const source = { format: 'csv', pieces: [Buffer.from(text)], columns: ['id'], maxRowBytes: 100 } as const
      const lines = resultLines(results, row, table.form)
      const { file, start, end, failed } = await encodeChunk(lines, { ...table, blob, isFirst: at === 0 }, source)
      assert.equal(failed, results.filter(result => 'code' in result).length)
      const alone = await parquetReadObjects({ file: Uint8Array.from(file).buffer })
      assert.deepEqual(
        alone.map(({ index }) => Number(index)),
        results.map((_, index) => row + index),
      )
      expected.push(...alone)
      contents.push(file.subarray(start, end))
      groups.push({ footer: file.subarray(end), bytes: end - start })
      row += results.length
    }
    const joined = Buffer.concat([...contents, await writeParquetFooter(table, groups)])
    const rows = await parquetReadObjects({ file: Uint8Array.from(joined).buffer })
    assert.deepEqual(rows, expected)
    const ok = { error_code: null, error_message: null }
    const failed = {
      label: null,
      p: undefined,
      text: null,
      error_code: 'ROW_RAGGED',
      error_message: 'the row has 2 cells',
    }
    assert.deepEqual(rows, [
      { index: 0n, id: 'é0', label: 9007199254740993n, p: [Math.fround(0.1), Number.NaN], text: '', ...ok },
      { index: 1n, id: 'é1', ...failed },
      { index: 2n, id: 'é2', ...failed },
      { index: 3n, id: 'é3', label: -1n, p: [], text: '', ...ok },
      { index: 4n, id: 'é4', label: 7n, p: [Number.POSITIVE_INFINITY, null], text: '', ...ok },
    ])
  })

  it('writes a member of a gzip file for each chunk', async () => {
    const table = outputTable(
      { input, output: { blob: '', format: 'csv', isGzip: true } },
      { predictions: [{ columns: ['x'] }] },
    )
    const members = await Promise.all(
      ['1', '2'].map((prediction, row) =>
        encodeChunk(resultLines([{ prediction }], row, table.form), { ...table, blob, isFirst: row === 0 }, undefined),
      ),
    )
    const text = gunzipSync(Buffer.concat(members.map(({ file }) => file))).toString()
    assert.equal(text, 'index,x,error_code,error_message\n0,1,,\n1,2,,\n')
  })

  it('writes files without rows', async () => {
    const empty = (output: object) =>
      encodeEmpty(outputTable({ input, output: { blob: '', ...output } as never }, { predictions }))
    assert.equal(gunzipSync(await empty({ format: 'jsonl', isGzip: true })).toString(), '')
    assert.equal((await empty({ format: 'jsonl' })).byteLength, 0)
    assert.match(gunzipSync(await empty({ format: 'csv', isGzip: true })).toString(), /^index,label,p,text,/)
    assert.deepEqual(await parquetReadObjects({ file: Uint8Array.from(await empty({ format: 'parquet' })).buffer }), [])
  })
})
