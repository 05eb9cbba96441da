import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { LineForm } from '../../../src/jobs/line-form.ts'
import { includeColumns } from '../../../src/jobs/output/included-columns.ts'
import { resultLines } from '../../../src/jobs/output/result-lines.ts'
import type { RowResult } from '../../../src/jobs/row-scorer.ts'

const columns = ['id', 'age', 'note']
const include = ['note', 'id']
const source = (text: string | Buffer, cut = 7) => {
  const bytes = Buffer.from(text)
  const pieces = Array.from({ length: Math.ceil(bytes.length / cut) }, (_, at) =>
    bytes.subarray(at * cut, (at + 1) * cut),
  )
  return { format: 'csv' as const, pieces, columns, maxRowBytes: 60 }
}
const write = async (results: readonly RowResult[], format: LineForm['format'], text: string | Buffer | undefined) => {
  const lines = resultLines(results, 98, { format })
  const from = text === undefined ? undefined : source(text)
  const written = await includeColumns(lines, { form: { format }, include, source: from })
  assert.deepEqual([written.rowCount, written.failed], [lines.rowCount, lines.failed])
  return Buffer.concat(written.lines).toString()
}
const good: RowResult = { prediction: '[0.5, 1.0]' }
const bad: RowResult = { code: 'ROW_RAGGED', message: 'the row has 2 cells,\nnot 3' }

describe('includeColumns', () => {
  const text = '007,1,plain\r\n\n8,2,"a, ""b""\nß"\n9,3\n,4,\u2028\n'
  const results = [good, { prediction: '"te\\"xt,\\n"' }, bad, good]

  it('writes cells as they stand behind the index of a CSV', async () => {
    assert.equal(
      await write(results, 'csv', text),
      '98,plain,007,"[0.5, 1.0]",,\n' +
        '99,"a, ""b""\nß",8,"te""xt,\n",,\n' +
        '100,,,,ROW_RAGGED,"the row has 2 cells,\nnot 3"\n' +
        '101,"\u2028",,"[0.5, 1.0]",,\n',
    )
  })

  it('writes them as texts by name into JSON Lines, null where the row is no record of the columns', async () => {
    const lines = (await write(results, 'jsonl', text)).split('\n')
    assert.equal(lines[0], '{"index": 98, "columns": {"note": "plain", "id": "007"}, "prediction": [0.5, 1.0]}')
    assert.deepEqual(
      lines.slice(0, -1).map(line => JSON.parse(line)),
      [
        { index: 98, columns: { note: 'plain', id: '007' }, prediction: [0.5, 1] },
        { index: 99, columns: { note: 'a, "b"\nß', id: '8' }, prediction: 'te"xt,\n' },
        { index: 100, columns: { note: null, id: null }, error: bad },
        { index: 101, columns: { note: '\u2028', id: '' }, prediction: [0.5, 1] },
      ],
    )
  })

  it('writes null for rows that are too large or not UTF-8, and for all of an unread chunk', async () => {
    const unread = Buffer.concat([Buffer.from(`1,2,${'x'.repeat(60)}\n2,3,`), Buffer.from([0xff, 0x0a])])
    const nulls = [98, 99].map(index => ({ index, columns: { note: null, id: null }, error: bad }))
    for (const text of [unread, undefined]) {
      const lines = (await write([bad, bad], 'jsonl', text)).split('\n').slice(0, -1)
      assert.deepEqual(
        lines.map(line => JSON.parse(line)),
        nulls,
      )
    }
    assert.match(await write([bad], 'csv', undefined), /^98,,,,ROW_RAGGED,/)
  })

  it('keeps the types of records of JSON', async () => {
    const records =
      '{"id": 7, "age": 1, "note": "a, \\"b\\"\\n"}\n{"note": null, "id": 1.50}\n[1]\n{"id": {"x": [1]}, "note": NaN}\n'
    const json = (format: LineForm['format']) =>
      includeColumns(resultLines(results, 98, { format }), {
        form: { format },
        include,
        source: { ...source(records), format: 'jsonl' },
      })
    const lines = Buffer.concat((await json('jsonl')).lines)
      .toString()
      .split('\n')
    assert.equal(lines[1], '{"index": 99, "columns": {"note": null, "id": 1.50}, "prediction": "te\\"xt,\\n"}')
    const columns = lines.slice(0, -1).map(line => JSON.parse(line).columns)
    assert.deepEqual(columns, [
      { note: 'a, "b"\n', id: 7 },
      { note: null, id: 1.5 },
      { note: null, id: null },
      { note: null, id: { x: [1] } },
    ])
    assert.equal(
      Buffer.concat((await json('csv')).lines).toString(),
      '98,"a, ""b""\n",7,"[0.5, 1.0]",,\n99,,1.50,"te""xt,\n",,\n' +
        '100,,,,ROW_RAGGED,"the row has 2 cells,\nnot 3"\n101,NaN,"{""x"": [1]}","[0.5, 1.0]",,\n',
    )
  })

  it('refuses a text with other rows than results', async () => {
    await assert.rejects(write([good], 'csv', '1,2,3\n4,5,6\n'), {
      message: 'the text of a chunk has more rows than results',
    })
    await assert.rejects(write([good, good], 'csv', '1,2,3\n'), { message: 'the text of a chunk has 1 rows, not 2' })
  })
})
