import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, it, type TestContext } from 'vitest'
import { type RowTypes, readCsv, readRow } from '../../../src/cli/score/row-text.ts'
import { makeCommandProject } from '../../support/command.ts'

const columns: RowTypes = {
  inputs: [
    { name: 'age', dtype: 'float32', shape: [-1] },
    { name: 'city', dtype: 'string', shape: [-1] },
  ],
  names: undefined,
  missing: 'nan',
}
const features: RowTypes = {
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 3] }],
  names: undefined,
  missing: 'nan',
}
const named: RowTypes = { ...features, names: ['a', 'b', 'c'] }
const untyped: RowTypes = { inputs: undefined, names: undefined, missing: 'nan' }

describe('readRow', () => {
  const rows: [text: string, types: RowTypes, json: string][] = [
    ['age=34,city=Oslo', columns, '{"age":34,"city":"Oslo"}'],
    ['city=7, age = 3.5', columns, '{"age":3.5,"city":"7"}'],
    ['age=,city=Oslo', columns, '{"age":NaN,"city":"Oslo"}'],
    ['age=1,"city=Oslo, Norway"', columns, '{"age":1,"city":"Oslo, Norway"}'],
    ['age=1,city=a=b', columns, '{"age":1,"city":"a=b"}'],
    ['34,Oslo', columns, '{"age":34,"city":"Oslo"}'],
    ['{"age": 34, "city": "Oslo"}', columns, '{"age": 34, "city": "Oslo"}'],
    ['5.1,3.5,1e-3', features, '[5.1,3.5,1e-3]'],
    [' [1, 2, 3]', features, ' [1, 2, 3]'],
    ['c=3,a=1,b=2', named, '[1,2,3]'],
    ['1,2,x', untyped, '[1,2,"x"]'],
    ['age=34,city=Oslo', untyped, '{"age":34,"city":"Oslo"}'],
  ]
  it.for(rows)('reads %s', async ([text, types, json]) => {
    assert.equal(await readRow(text, types), json)
  })

  const mistakes: [text: string, types: RowTypes, message: string][] = [
    ['1,2', features, '--row 1,2: 2 value(s) fill the input "x" of shape [batch, 3], which takes 3'],
    [
      'c=3,a=1,b=2',
      features,
      '--row c=3,a=1,b=2: the service does not name the values of a row. Give them in order, without names; or name them in service.json: "input": {"columns": ["c", "a", "b"]}, in the order of training',
    ],
    ['34', columns, '--row 34: it has 1 values, and the service takes 2: age, city'],
    [
      'agee=1,city=x',
      columns,
      '--row agee=1,city=x: no column is named "age"; did you mean "agee"?; the service takes age, city',
    ],
    ['age=old,city=x', columns, '--row age=old,city=x: column "age" has another value; it must be a number (float32)'],
    ['{"age": 34', columns, '--row is not JSON: '],
  ]
  it.for(mistakes)('refuses %s and says why', async ([text, types, message]) => {
    await assert.rejects(
      readRow(text, types),
      (failure: Error) => failure.message.startsWith(message) || assert.fail(failure.message),
    )
  })
})

describe('readCsv', () => {
  async function read(
    test: TestContext,
    content: string | Buffer,
    { file = 'rows.csv', header = true, types = columns } = {},
  ) {
    const path = join(await makeCommandProject(test), file)
    await writeFile(path, content)
    const parts: unknown[][] = []
    for await (const part of readCsv(path, { ...types, header })) parts.push(part)
    return parts
  }

  it('types cells by the model, ignores other columns, and keeps the order', async test => {
    const text = '\ufeffid,city,age\r\na,Oslo,34\r\nb,"Rome, Italy",\r\nc,7,old\r\n'
    const rows = [
      { json: '{"age":34,"city":"Oslo"}' },
      { json: '{"age":NaN,"city":"Rome, Italy"}' },
      { code: 'ROW_NOT_A_NUMBER', message: 'column "age" has another value; it must be a number (float32)' },
    ]
    assert.deepEqual(await read(test, text), [rows])
    assert.deepEqual(await read(test, gzipSync(text), { file: 'rows.csv.gz' }), [rows])
  })

  it('reads a file without a header', async test => {
    assert.deepEqual(await read(test, '34,Oslo\n', { header: false }), [[{ json: '{"age":34,"city":"Oslo"}' }]])
  })

  it('holds 1000 rows at a time', async test => {
    const text = `age,city\n${Array.from({ length: 2500 }, (_, row) => `${row},x\n`).join('')}`
    const parts = await read(test, text)
    assert.deepEqual(
      parts.map(({ length }) => length),
      [1000, 1000, 500],
    )
    assert.deepEqual(parts[2]?.at(-1), { json: '{"age":2499,"city":"x"}' })
  })

  it('says how columns are selected where the service names none', async test => {
    await assert.rejects(read(test, 'id,a,b,c\n7,1,2,3\n', { types: features }), {
      message:
        /4 column\(s\) fill the input "x" of shape \[batch, 3\], which takes 3; "input": \{"columns": \[…\]\} in service\.json can select columns$/,
    })
  })

  const mistakes: [content: string, message: RegExp][] = [
    ['', /rows\.csv is empty$/],
    ['city\nOslo\n', /rows\.csv: no column is named "age"$/],
    ['34,17\n35,18\n', /rows\.csv: .*no column is named|column names are expected there; add --no-header/],
    ['PK\x03\x04', /rows\.csv: the input is a zip archive or an Excel workbook; save it as text/],
  ]
  it.for(mistakes)('refuses %j', async ([content, message], test) => {
    await assert.rejects(read(test, content), { message })
  })
})
