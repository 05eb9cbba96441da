import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { identityModel } from '../support/onnx-writer.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'

/** A model, its inputs, and what ONNX Runtime for Python answers. */
interface Case {
  readonly inputs: Readonly<Record<string, { dtype: string; values: unknown[][] }>>
  readonly python_onnxruntime: {
    readonly outputs: [string, string, unknown][]
    readonly values: { values: unknown[] }[]
  }
}

const readCase = async (name: string) =>
  JSON.parse(await readFile(`test/fixtures/cases/${name}/case.json`, 'utf8')) as Case
const modelOf = (name: string) => readFile(`test/fixtures/cases/${name}/model.onnx`)
const titanic = await readCase('sk_columns_nozipmap')
const imputer = await readCase('sk_imputer_missing')

/** The columns of a case as `df.to_dict("list")` has them. */
const columnsOf = ({ inputs }: Case) =>
  Object.fromEntries(Object.entries(inputs).map(([name, { values }]) => [name, values.map(([value]) => value)]))
const columns = columnsOf(titanic)
const names = Object.keys(columns)
const count = columns.pclass?.length as number
const rows = Array.from({ length: count }, (_, row) => names.map(name => columns[name]?.[row]))
const records = rows.map(row => Object.fromEntries(names.map((name, column) => [name, row[column]])))
const backwards = [...names].reverse()
const split = {
  columns: backwards,
  index: [7, 3, 5],
  data: rows.map(row => [...row].reverse()),
}
/** With labels in the order of the rows, which is not theirs, as JSON text: objects of JavaScript would sort them. */
const labels = [10, 9, 2]
const labelled = (values: readonly unknown[]) =>
  `{${values.map((value, row) => `"${labels[row]}": ${typeof value === 'string' && value.startsWith('{') ? value : JSON.stringify(value)}`).join(', ')}}`
const byColumn = `{${names.map(name => `"${name}": ${labelled(columns[name] as unknown[])}`).join(', ')}}`
const byIndex = labelled(records.map(record => JSON.stringify(record)))

describe('POST /score: rows of a request', () => {
  let app: RunningApp
  const cleanUps: (() => unknown)[] = []
  beforeAll(async () => {
    const fromScript = (missing?: string) => ({
      entryScript: 'score.mjs',
      ...(missing && { missing }),
    })
    const raw = `import { Tensor } from 'scoring-functions'
      export const init = () => {}
      export const run = text => String(Tensor.from('float32', JSON.parse(text).data).data)`
    const typed = `import { tensor } from 'scoring-functions'
      export const init = () => {}
      export const input = tensor([[1, 2]])
      export const run = ({ data }) => String(data.data)`
    const checked = `import * as z from 'zod'
      export const init = () => {}
      export const input = z.object({ data: z.array(z.number().or(z.nan())) })
      export const run = ({ data }) => String(data)`
    app = await runApp(
      { onTestFinished: cleanUp => cleanUps.push(cleanUp as () => unknown) },
      {
        'titanic/service.json': {},
        'titanic/model.onnx': await modelOf('sk_columns_nozipmap'),
        'imputer/service.json': {},
        'imputer/model.onnx': await modelOf('sk_imputer_missing'),
        'strict/service.json': { missing: 'error' },
        'strict/model.onnx': await modelOf('sk_imputer_missing'),
        'text/service.json': {},
        'text/model.onnx': identityModel('string', ['batch', 1]),
        'words/service.json': {},
        'words/model.onnx': identityModel('string', ['batch']),
        'wide/service.json': {},
        'wide/model.onnx': identityModel('float32', ['batch', 3]),
        'named/service.json': { input: { columns: ['a', 'b', 'c'] } },
        'named/model.onnx': identityModel('float32', ['batch', 3]),
        'misnamed/service.json': { input: { columns: ['a', 'b'] } },
        'misnamed/model.onnx': identityModel('float32', ['batch', 3]),
        'raw/service.json': fromScript(),
        'raw/score.mjs': raw,
        'strict-raw/service.json': fromScript('error'),
        'strict-raw/score.mjs': raw,
        'typed/service.json': fromScript(),
        'typed/score.mjs': typed,
        'checked/service.json': fromScript(),
        'checked/score.mjs': checked,
        'strict-checked/service.json': fromScript('error'),
        'strict-checked/score.mjs': checked,
      },
    )
    await app.settled()
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  const textOf = (body: unknown) => (typeof body === 'string' ? body : JSON.stringify(body))
  const answerTo = async (service: string, body: unknown) => {
    const response = await app.score(service, textOf(body))
    const text = await response.text()
    assert.equal(response.status, 200, `${textOf(body).slice(0, 200)}: ${text}`)
    return JSON.parse(text)
  }
  const refusalOf = async (service: string, body: unknown) => {
    const response = await app.score(service, textOf(body))
    const { code, message } = (await response.json()) as { code: string; message: string }
    return [response.status, code, message]
  }
  /** What Python answered to these rows of a case. */
  const assertPythons = (
    answer: Record<string, unknown[]>,
    { python_onnxruntime }: Case,
    taken?: readonly number[],
  ) => {
    for (const [output, [name]] of python_onnxruntime.outputs.entries()) {
      const expected = python_onnxruntime.values[output]?.values as unknown[]
      const rowsOfIt = taken ? taken.map(row => expected[row]) : expected
      const actual = answer[name]?.flat() as number[]
      for (const [index, value] of rowsOfIt.flat().entries())
        assert.ok(
          Math.abs((actual[index] as number) - (value as number)) < 1e-6,
          `${name}: ${actual} is not ${rowsOfIt}`,
        )
      assert.equal(actual.length, rowsOfIt.flat().length)
    }
  }

  const forms: [string, unknown][] = [
    [
      'columns of lists of one value',
      { data: Object.fromEntries(names.map(name => [name, titanic.inputs[name]?.values])) },
    ],
    ['columns, df.to_dict("list")', { data: columns }],
    ['records, df.to_dict("records")', { data: records }],
    ['lists in the order of the inputs, df.values.tolist()', { data: rows }],
    ['df.to_dict("split"), columns in another order', { data: split }],
    ['df.to_dict("tight")', { data: { ...split, index_names: [null], column_names: [null] } }],
    ['df.to_json(), whose row labels are not sorted', `{"data": ${byColumn}}`],
    ['df.to_json(orient="index"), whose row labels are not sorted', `{"data": ${byIndex}}`],
    ['df.to_json() as the whole body', byColumn],
    ['df.to_json(orient="split") as the whole body', split],
    [
      'df.to_json(orient="table") as the whole body',
      { schema: { primaryKey: ['index'] }, data: records.map((record, index) => ({ index, ...record })) },
    ],
    ['columns as the whole body', columns],
    ['MLflow on Azure ML: split', { input_data: split }],
    ['MLflow on Azure ML: records', { input_data: records, params: {} }],
    ['MLflow on Azure ML: lists', { input_data: rows }],
    ['MLflow: dataframe_split', { dataframe_split: split }],
    ['MLflow: dataframe_records', { dataframe_records: records }],
    ['AutoML', { Inputs: { data: records }, GlobalParameters: { method: 'predict' } }],
    ['AutoML of version 1', { data: records, method: 'predict' }],
  ]
  it.for(forms)('may be $0', async ([, body]) => {
    assertPythons(await answerTo('titanic', body), titanic)
  })

  it('may be one record, also as a query', async () => {
    assertPythons(await answerTo('titanic', { data: records[1] }), titanic, [1])
    const query = new URLSearchParams(records[2] as Record<string, string>)
    const response = await fetch(`${app.url}/api/v1/service/titanic/score?${query}`, {
      headers: { authorization: `Bearer ${await app.keyOf('titanic')}` },
    })
    assertPythons((await response.json()) as Record<string, unknown[]>, titanic, [2])
  })

  it('are each answered for themselves when callers send them in unlike forms at once', async () => {
    const bodies = [
      { data: [records[0]] },
      { data: [rows[1]] },
      { data: records[2] },
      { data: [{ ...records[0], age: 'no number' }] },
      { data: split },
    ]
    const expected = [[0], [1], [2], undefined, [0, 1, 2]]
    await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const at = index % bodies.length
        if (expected[at]) assertPythons(await answerTo('titanic', bodies[at]), titanic, expected[at])
        else assert.equal((await refusalOf('titanic', bodies[at]))[0], 400)
      }),
    )
  })

  it('are single values where an input takes one a row', async () => {
    assert.deepEqual(await answerTo('text', { data: ['good food', 'awful'] }), [['good food'], ['awful']])
    assert.deepEqual(await answerTo('text', { data: [['good food'], ['awful']] }), [['good food'], ['awful']])
    assert.deepEqual(await answerTo('text', { data: 'awful' }), [['awful']])
    assert.deepEqual(await answerTo('text', { data: [{ x: 'awful' }] }), [['awful']])
    assert.deepEqual(await answerTo('text', { data: { x: 'awful' } }), [['awful']])
    assert.deepEqual(await answerTo('text', { x: ['awful'] }), [['awful']])
    assert.deepEqual(await answerTo('text', { input_data: { columns: ['x'], index: [0], data: [['awful']] } }), [
      ['awful'],
    ])
    assert.deepEqual(await answerTo('words', { data: ['good food', 'awful'] }), ['good food', 'awful'])
    assert.deepEqual(await answerTo('words', { data: [['good food'], ['awful']] }), ['good food', 'awful'])
    assert.deepEqual(await answerTo('words', { data: 'awful' }), ['awful'])
  })

  it('are lists for an input of several values without names', async () => {
    const expected = [[1, 2, 3]]
    for (const body of [
      { data: [[1, 2, 3]] },
      { data: { x: [[1, 2, 3]] } },
      { data: [{ x: [1, 2, 3] }] },
      { input_data: [[1, 2, 3]] },
      { columns: ['a', 'b', 'c'], index: [0], data: [[1, 2, 3]] },
      { input_data: { columns: ['a', 'b', 'c'], data: [[1, 2, 3]] } },
    ]) {
      assert.deepEqual(await answerTo('wide', body), expected, JSON.stringify(body))
    }
    assert.deepEqual(await refusalOf('wide', { data: [{ a: 1, b: 2, c: 3 }] }), [
      400,
      'INPUT_TYPE_MISMATCH',
      'row 0 is an object; the model takes rows that are lists of 3 values. To send objects, name the values of a row with "input": {"columns": […]} in service.json',
    ])
  })

  it('may name the values of a wide input where service.json does', async () => {
    const rightRows = [
      [1, 2, 3],
      [4, 5, 6],
    ]
    for (const data of [
      [
        { c: 3, a: 1, b: 2 },
        { a: 4, b: 5, c: 6 },
      ],
      { c: [3, 6], a: [1, 4], b: [2, 5] },
      {
        columns: ['c', 'a', 'b'],
        data: [
          [3, 1, 2],
          [6, 4, 5],
        ],
      },
      rightRows,
    ]) {
      assert.deepEqual(await answerTo('named', { data }), rightRows, JSON.stringify(data))
    }
    assert.deepEqual(await answerTo('named', { data: { a: 1, b: 2, c: null } }), [[1, 2, null]])
    assert.deepEqual(await refusalOf('named', { data: [{ a: 1, b: 2, d: 3 }] }), [
      400,
      'INPUT_UNKNOWN',
      'row 0 has "d"; the model takes "a", "b", "c"',
    ])
  })

  it('cannot be named otherwise than there are values: the service says so at its start', async () => {
    const { misnamed } = await app.settled()
    assert.equal(misnamed?.status, 'failed')
    assert.match(misnamed?.reason ?? '', /input\.columns has 2 names, .* "x", shape \[batch, 3\]/)
  })

  const takes = 'the model takes "pclass", "sex", "age", "fare", "embarked"'
  const { sex, ...withoutSex } = records[1] as Record<string, unknown>
  const rightRow =
    'a row is {"pclass": …, "sex": …, "age": …, "fare": …, "embarked": …}, or the list [pclass, sex, age, fare, embarked]'
  const wrongRows: [unknown, string, string][] = [
    [{ data: [records[0], { ...withoutSex, gender: sex }] }, 'INPUT_UNKNOWN', `row 1 has "gender"; ${takes}`],
    [{ data: [records[0], withoutSex] }, 'INPUT_MISSING', `row 1 lacks "sex"; ${takes}`],
    [{ data: { ...columns, cabin: ['C85', '', ''] } }, 'INPUT_UNKNOWN', `"data" has "cabin"; ${takes}`],
    [{ ...columns, cabin: ['C85', '', ''] }, 'INPUT_UNKNOWN', `the body has "cabin"; ${takes}`],
    [
      { data: [[1, 'male', 3]] },
      'INPUT_RAGGED',
      'row 0 has 3 values, the model takes 5: pclass, sex, age, fare, embarked',
    ],
    [{ data: [rows[0], records[1]] }, 'INPUT_TYPE_MISMATCH', `row 1 is an object, row 0 is a list; ${rightRow}`],
    [{ data: [records[0], 7] }, 'INPUT_TYPE_MISMATCH', `row 1 is a number, row 0 is an object; ${rightRow}`],
    [{ data: rows[0] }, 'INPUT_TYPE_MISMATCH', `row 0 is a number; ${rightRow}`],
    [{ data: 'text' }, 'INPUT_TYPE_MISMATCH', `"data" is a string; ${rightRow}`],
    [{ data: null }, 'INPUT_TYPE_MISMATCH', `"data" is null; ${rightRow}`],
    [{ data: [] }, 'INPUT_TYPE_MISMATCH', '"data" is an empty list: it has no row'],
    [
      { data: { ...columns, sex: 'male' } },
      'INPUT_TYPE_MISMATCH',
      `"data" is neither a row nor columns: "pclass" is a list, "sex" is a string; ${rightRow}`,
    ],
    [{ data: { ...split, columns: [...names.slice(1), 'sex'] } }, 'INPUT_TYPE_MISMATCH', '"columns" has "sex" twice'],
    [{ data: { columns: ['pclass'], data: [[1]] } }, 'INPUT_MISSING', `"columns" lacks "sex"; ${takes}`],
    [byColumn.replace('"10": "female"', '"11": "female"'), 'INPUT_RAGGED', '"sex" has other row labels than "pclass"'],
    [
      { data: [records[0], { ...records[1], age: 'forty' }] },
      'INPUT_TYPE_MISMATCH',
      'input "age"[1]: expected a number (float32), got a string',
    ],
    [{ rows: records }, 'INPUT_MISSING', "A value is not provided for the 'data' parameter."],
  ]
  it.each(wrongRows)(
    'that are wrong are refused with what came and what a right row is: $2',
    async (body, code, message) => {
      assert.deepEqual(await refusalOf('titanic', body), [400, code, message])
    },
  )

  describe('with missing values', () => {
    const given = columnsOf(imputer)
    const bodyWith = (missing: string) => JSON.stringify({ data: given }).replaceAll('"nan"', missing)

    it.each(['NaN', 'null'])('are scored with %s as Python scores NaN', async missing => {
      assertPythons(await answerTo('imputer', bodyWith(missing)), imputer)
    })

    it.each(['NaN', 'null'])('are refused with %s where the service says so', async missing => {
      const [status, code, message] = await refusalOf('strict', bodyWith(missing))
      assert.equal(status, 400)
      const isNull = missing === 'null'
      assert.equal(code, isNull ? 'INPUT_TYPE_MISMATCH' : 'BODY_NOT_JSON')
      if (isNull)
        assert.match(
          message as string,
          /^input "age"\[\d\]: expected a number \(float32\), got null; .*"missing": "error"/,
        )
    })

    it('are refused where other types are declared', async () => {
      const first = records[0] as Record<string, unknown>
      assert.deepEqual(await refusalOf('titanic', { data: [{ ...first, pclass: null }] }), [
        400,
        'INPUT_TYPE_MISMATCH',
        'input "pclass"[0]: expected a whole number (int64), got null; only floating-point values can be missing',
      ])
      assert.deepEqual(await refusalOf('titanic', { data: [{ ...first, sex: null }] }), [
        400,
        'INPUT_TYPE_MISMATCH',
        'input "sex"[0]: expected a string, got null; only floating-point values can be missing',
      ])
    })

    it('and infinities reach scripts of every kind', async () => {
      const tokens = '{"data": [[NaN, Infinity], [-Infinity, 1]]}'
      assert.equal(await answerTo('typed', tokens), 'NaN,Infinity,-Infinity,1')
      assert.equal(await answerTo('typed', '{"data": [[null, 2]]}'), 'NaN,2')
      assert.equal(await answerTo('raw', '{"data": [null, 1]}'), 'NaN,1')
      assert.equal(await answerTo('checked', '{"data": [NaN, 1]}'), 'NaN,1')
    })

    it('are refused for scripts where the service says so', async () => {
      assert.equal((await refusalOf('strict-raw', '{"data": [null, 1]}'))[1], 'INPUT_TYPE_MISMATCH')
      assert.equal((await refusalOf('strict-checked', '{"data": [NaN, 1]}'))[1], 'BODY_NOT_JSON')
    })

    it('leave what is malformed malformed, and say where', async () => {
      assert.deepEqual(await refusalOf('wide', '{"data": [[NaN, Infinity, nan]]}'), [
        400,
        'BODY_NOT_JSON',
        'POST body could not be decoded as JSON: unexpected character at line 1, column 27',
      ])
    })

    it('do not make room for numbers that are too large', async () => {
      for (const number of ['1e400', '1e39']) {
        for (const row of [`[${number}, 1, 1]`, `[NaN, 1, ${number}]`])
          assert.equal((await refusalOf('wide', `{"data": [${row}]}`))[1], 'INPUT_TYPE_MISMATCH', row)
      }
    })
  })
})
