import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { CsvDialect } from '../../../src/jobs/csv-dialect.ts'
import { readRows } from '../../../src/jobs/formats/read-rows.ts'
import { maxRowBytes } from '../../../src/jobs/plan/plan-chunks.ts'
import type { TensorInfo } from '../../../src/models/session/model-session.ts'
import type { Dtype } from '../../../src/tensor/dtype.ts'
import type { DeclaredShape } from '../../../src/tensor/shape.ts'
import { type Bytes, plan, read, readerOf, rowsOf, type Tried } from '../inputs.ts'

const input = (name: string, dtype: Dtype, shape: DeclaredShape): TensorInfo => ({ name, dtype, shape })
const lines = (content: Bytes, tried: Partial<Tried> = {}) => read(content, { format: 'jsonl', ...tried })
const table = (content: Bytes, ...inputs: TensorInfo[]) => read(content, { format: 'csv', inputs })
const first = async (content: Bytes, tried: Tried, row = 0) =>
  (await rowsOf(content, tried, (await plan(content, tried)).chunks))[row]

describe('readRows of JSON', () => {
  it('keeps the text of a row, so that 2^60 and 1.0 do not change', async () => {
    const rows = ['1152921504606846977', '[1.0, 1e2]', '{"__proto__": {"x": 1}, "a": 1, "a": 2}', '"\\ud83d\\u0000"']
    assert.deepEqual(await lines(rows.join('\n')), rows)
    assert.equal(({} as { x?: number }).x, undefined)
  })

  it('requires exactly one JSON value per row', async () => {
    const none = [
      '1],[2',
      '1,2',
      '1 2',
      'NaN,1',
      '+Infinity',
      "{'a':1}",
      '{"a":1}}',
      '\u00a01',
      '01',
      '\ufeff1',
      '[1,]',
    ]
    assert.deepEqual(await lines(`0\n${none.join('\n')}`), ['0', ...none.map(() => 'ROW_NOT_JSON')])
  })

  it('says where a row is not JSON, without quoting its values', async () => {
    assert.deepEqual(await first('{"secret": 1, }', { format: 'jsonl' }), {
      code: 'ROW_NOT_JSON',
      message: 'the row is not JSON: unexpected character at column 15',
      line: 1,
    })
    assert.deepEqual(await first('\n[0,\n{"secret":\n1, }]', { format: 'json', miniBatchSize: 1 }, 1), {
      code: 'ROW_NOT_JSON',
      message: 'the row is not JSON: unexpected character in line 2 of the row, at column 4',
      line: 3,
    })
  })

  it('limits the depth of a row', async () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    assert.deepEqual(await lines(`${nested(990)}\n${nested(991)}\n${'['.repeat(200_000)}\n"${'['.repeat(2000)}"`), [
      nested(990),
      'ROW_NOT_JSON',
      'ROW_NOT_JSON',
      `"${'['.repeat(2000)}"`,
    ])
  })

  it('makes an error row of bytes that are not UTF-8, in each format', async () => {
    const broken = (text: string) => Buffer.from(text, 'latin1')
    assert.deepEqual(await lines(broken('1\n"\xff"\n3')), ['1', 'ROW_NOT_UTF8', '3'])
    assert.deepEqual(await read(broken('[1,"\xe9",3]'), { format: 'json' }), ['1', 'ROW_NOT_UTF8', '3'])
    assert.deepEqual(await table(broken('a\n1\n\xe9\n3'), input('x', 'float32', ['n', 1])), [
      '[1]',
      'ROW_NOT_UTF8',
      '[3]',
    ])
    assert.deepEqual(await read(broken('\xe9\n1'), { format: 'csv' }).catch(error => error.code), 'INPUT_NOT_UTF8')
  })

  it('makes an error row of a row that is too large', async () => {
    const huge = `"${'x'.repeat(1_000_000)}"`
    for (const [content, format] of [
      [`1\n${huge}\n3`, 'jsonl'],
      [`[1,${huge},3]`, 'json'],
      [`a\n1\n${huge}\n3`, 'csv'],
    ] as const) {
      const tried = { format, maxRowBytes: 100_000, maxChunkBytes: 200_000 }
      const rows = await read(content, tried)
      assert.deepEqual(
        rows.map(row => row.replace(/^\{"a":(.)\}$/, '$1')),
        ['1', 'ROW_TOO_LARGE', '3'],
      )
      assert.match(
        JSON.stringify((await rowsOf(content, tried, (await plan(content, tried)).chunks))[1]),
        /100000 bytes/,
      )
    }
  })

  it('throws when the bytes are not those that were planned', async () => {
    const options = { format: 'jsonl', inputs: undefined, maxRowBytes } as const
    await assert.rejects(readRows(readerOf('1\n2')(), { rowCount: 3 }, options), /the text has 2 rows; 3 were planned/)
  })
})

describe('readRows of missing values', () => {
  // pandas 2.3, read_csv: default na_values, and what its parser of floats takes for infinities.
  const missing =
    ',#N/A,#N/A N/A,#NA,-1.#IND,-1.#QNAN,-NaN,-nan,1.#IND,1.#QNAN,<NA>,N/A,NA,NULL,NaN,None,n/a,nan,null'.split(',')
  const infinities = {
    inf: 'Infinity',
    '-inf': '-Infinity',
    '+Inf': 'Infinity',
    Infinity: 'Infinity',
    '-INFINITY': '-Infinity',
  }
  const inputs = [input('x', 'float32', ['n', 2])]

  it("reads pandas' missing values as NaN, and infinities, for floats", async () => {
    for (const cell of missing) assert.deepEqual(await table(`a,b\n1,"${cell}"\n`, ...inputs), ['[1,NaN]'], cell)
    for (const [cell, word] of Object.entries(infinities)) {
      assert.deepEqual(await table(`a,b\n${cell},1\n`, ...inputs), [`[${word},1]`])
    }
    assert.deepEqual(await lines('[NaN, null]\n{"a": -Infinity}\n'), ['[NaN, null]', '{"a": -Infinity}'])
  })

  it('makes an error row of missing integers and booleans, and keeps texts', async () => {
    for (const [dtype, kind, code] of [
      ['int64', 'a number (int64)', 'ROW_NOT_A_NUMBER'],
      ['bool', 'true or false, or 1 or 0', 'ROW_NOT_A_BOOL'],
    ] as const) {
      const one = { format: 'csv', inputs: [input('x', dtype, ['n', 2])] } as const
      const why = `it must be ${kind}; only floating-point values can be missing`
      assert.deepEqual(await first('age,b\n,1\n', one), { code, message: `column "age" is empty; ${why}`, line: 2 })
      assert.deepEqual(await first('age,b\nNA,1\n', one), {
        code,
        message: `column "age" has a missing value; ${why}`,
        line: 2,
      })
    }
    assert.deepEqual(await table('a,b\n,NA\n', input('x', 'string', ['n', 2])), ['["","NA"]'])
  })

  it('makes an error row of every missing value when missing is "error"', async () => {
    const strict = { format: 'csv', inputs, missing: 'error' } as const
    for (const cell of [...missing, ...Object.keys(infinities)]) {
      assert.deepEqual(await read(`a,b\n1,"${cell}"\n`, strict), ['ROW_NOT_A_NUMBER'], cell)
    }
    const { message } = (await first('a,b\n,1\n', strict)) as { message: string }
    assert.match(message, /^column "a" is empty; .*\("missing": "error"\)$/)
    assert.deepEqual(await lines('NaN\n[1]\n', { missing: 'error' }), ['ROW_NOT_JSON', '[1]'])
  })
})

describe('readRows of JSON for a service that takes tensors', () => {
  it('explains that a line is one row when it is the body of a request', async () => {
    const tried = { format: 'jsonl', inputs: [input('x', 'float32', ['n', 2])] } as const
    for (const body of ['{"data": [[1, 2]]}', '{"input_data": [[1, 2]]}', '{"Inputs": {"data": [[1, 2]]}}']) {
      const { code, message } = (await first(body, tried)) as { code: string; message: string }
      assert.equal(code, 'ROW_IS_A_BODY')
      assert.match(message, /a row is the list of its values, or an object of them by name$/)
    }
    assert.deepEqual(await read('{"data": [1, 2]}', { ...tried, inputs: [input('data', 'float32', ['n', 2])] }), [
      '[1, 2]',
    ])
    assert.deepEqual(await lines('{"data": [[1, 2]]}'), ['{"data": [[1, 2]]}'], 'a script may take it')
  })
})

describe('readRows of records of JSON', () => {
  const x = input('x', 'float32', ['n', 2])
  const records = (content: Bytes, tried: Partial<Tried> = {}) => lines(content, { inputs: [x], ...tried })

  it('makes a list in the order of the names of the first record for one input', async () => {
    // pandas 3.0: DataFrame({'b': [1.5, None], 'a': [2, 3]}).to_json(orient='records', lines=True)
    assert.deepEqual(await records('{"b":1.5,"a":2}\n{"b":null,"a":3}\n'), ['[1.5,2]', '[null,3]'])
    assert.deepEqual(await records('{"b": 1.50, "a": 2}\n\n{"a": 3, "b": NaN}\r\n[5, 6]\n'), [
      '[1.50,2]',
      '[NaN,3]',
      '[5, 6]',
    ])
    const inArray = await read('[{"b": 1, "a": 2}, {"a": 3, "b": 4}]', {
      format: 'json',
      inputs: [x],
      miniBatchSize: 1,
    })
    assert.deepEqual(inArray, ['[1,2]', '[4,3]'])
  })

  it('finds values by the names of the service or the job beside others', async () => {
    const text = '{"id": "é", "a": 1, "b": 2}\n{"a": 3, "id": {"x": 1}, "b": 4}\n'
    assert.deepEqual(await records(text, { names: ['b', 'a'] }), ['[2,1]', '[4,3]'])
    assert.deepEqual(await read(text, { format: 'jsonl', names: ['b'] }), ['{"b":2}', '{"b":4}'], 'for a script')
    assert.deepEqual(await lines(text), text.trim().split('\n'), 'a script without names gets the record')
  })

  it('makes an object by input for several inputs, and takes lists', async () => {
    const inputs = [input('age', 'int64', ['n', 1]), input('v', 'float32', ['n', 2])]
    const text = '{"v": [1, 2], "id": 7, "age": 50}\n{"v[0]": 1, "v[1]": 2, "age": 50}\n'
    assert.deepEqual(await lines(text.split('\n')[0] ?? '', { inputs }), ['{"age":[50],"v":[1, 2]}'])
    assert.deepEqual(await lines(text.split('\n')[1] ?? '', { inputs }), ['{"age":[50],"v":[1,2]}'])
    assert.deepEqual(await records('{"x": [1, 2]}\n{"x": 3}\n'), ['[1, 2]', '3'])
  })

  it('leaves rows as they are that may lack optional inputs', async () => {
    const row = '{"x": [1, 2], "scale": 3}'
    assert.deepEqual(await records(row, { optionalInputs: ['scale'] }), [row])
  })

  it('makes an error row of a record that lacks a value', async () => {
    assert.deepEqual(await records('{"b":1,"a":2}\n{"b":3}\n'), ['[1,2]', 'ROW_RAGGED'])
  })

  it('refuses names that fit no row of the service', async () => {
    for (const text of ['{"a": 1, "b": 2, "c": 3}', '{"a;b": 1}']) {
      await assert.rejects(records(text), { code: 'INPUT_COLUMNS_UNFIT', message: /which takes 2; / }, text)
    }
    const missing = /missing: "sex" \(did you mean "Sex"\?\); unknown: "Sex"$/
    await assert.rejects(records('{"age": 1, "Sex": 2}', { names: ['age', 'sex'] }), { message: missing })
  })

  it('nests a flat list as the cells of a CSV', async () => {
    const image = [input('x', 'float32', ['n', 1, 2, 2])]
    const rows = ['[[[1,2],[3,4]]]', '[[[1,2.50],[3,4]]]', '[1,2,3]', '[[1,2],[3,4]]']
    assert.deepEqual(await lines('[[[1,2],[3,4]]]\n[1, 2.50, 3, 4]\n[1,2,3]\n[[1,2],[3,4]]', { inputs: image }), rows)
    assert.deepEqual(await lines('{"a":1,"b":2,"c":3,"d":4}', { inputs: image }), ['[[[1,2],[3,4]]]'])
  })
})

describe('readRows of CSV in another dialect', () => {
  const inputs = [input('x', 'float32', ['n', 2])]
  const inDialect = (content: Bytes, dialect: CsvDialect, more: Partial<Tried> = {}) =>
    read(content, { format: 'csv', inputs, dialect, ...more })

  it('divides cells at the delimiter, and reads other quotes', async () => {
    const rows = ['[1,2]', '[3,4.5]']
    assert.deepEqual(await inDialect('a;b\n1;2\n"3"; 4.5\r\n', { delimiter: ';' }), rows)
    assert.deepEqual(await inDialect('a\tb\n1\t2\n3\t4.5\n', { delimiter: '\t' }), rows)
    assert.deepEqual(await inDialect("'a|b'|c\n1|2\n'3'|4.5\n", { delimiter: '|', quote: "'" }), rows)
    const texts = [input('x', 'string', ['n', 2])]
    const quoted = await inDialect("a;b\n'x;y';'it''s\n\"so\"'\n", { delimiter: ';', quote: "'" }, { inputs: texts })
    assert.deepEqual(quoted, [JSON.stringify(['x;y', 'it\'s\n"so"'])])
    assert.deepEqual(await inDialect('a,b\n"x,5" tall\n', { quote: '' }, { inputs: texts }), ['["\\"x","5\\" tall"]'])
  })

  it('reads further texts as missing, and numbers in any spelling', async () => {
    // pandas 3.1: read_csv(…, sep=';', na_values=['?', '-999']) keeps its own texts too.
    const dialect = { delimiter: ';', na: ['?', '-999'] }
    assert.deepEqual(await inDialect('a;b\n1;?\n-999;NA\n-999.0; -9.99e2\n-998;0\n', dialect), [
      ...['[1,NaN]', '[NaN,NaN]', '[NaN,NaN]', '[-998,0]'],
    ])
    assert.deepEqual(await inDialect('a;b\n1;?\n', dialect, { missing: 'error' }), ['ROW_NOT_A_NUMBER'])
    assert.deepEqual(await inDialect('a;b\n1;-999\n', dialect, { inputs: [input('x', 'int64', ['n', 2])] }), [
      'ROW_NOT_A_NUMBER',
    ])
    const script = await inDialect('a;b\n?;NA\n-999;x\n', dialect, { inputs: undefined })
    assert.deepEqual(script, ['{"a":null,"b":null}', '{"a":null,"b":"x"}'])
  })
})

describe('readRows of CSV with numbers in other spellings', () => {
  const x = [input('x', 'float64', ['n', 2])]
  const inSpelling = (content: string, dialect: CsvDialect, more: Partial<Tried> = {}) =>
    read(content, { format: 'csv', inputs: x, dialect, ...more })

  it('takes decimal commas and marks between thousands', async () => {
    // pandas 3.1: read_csv(…, sep=';', decimal=',', thousands='.') reads the same numbers.
    const german = { delimiter: ';', decimal: ',', thousands: '.' }
    const rows = ['[1234.25,-1000000]', '[0.5,1.5e-3]', '[7,12345.0]']
    assert.deepEqual(await inSpelling('a;b\n1.234,25; -1.000.000\n,5;1,5e-3\n7;+12.345,0\n', german), rows)
    const english = await inSpelling('a,b\n"1,234.25","-1,000,000"\n.5,1.5e-3\n7,"+12,345.0"\n', { thousands: ',' })
    assert.deepEqual(english, rows)
    const french = '1\u202f234,25;-1\u00a0000 000\n0,5;1,5e-3\n7;12 345,0\n'
    assert.deepEqual(await inSpelling(`a;b\n${french}`, { delimiter: ';', decimal: ',', thousands: ' ' }), rows)
    // In Switzerland Windows writes the curled one, and people type the straight one.
    for (const swiss of ["1'234.5", '1\u2019234.5'])
      assert.deepEqual(await inSpelling(`a,b\n${swiss},2\n`, { thousands: "'" }), ['[1234.5,2]'])
    assert.deepEqual(await inSpelling('a,b\n"12,34,567.5",1\n', { thousands: ',' }), ['[1234567.5,1]'], 'as in India')
  })

  it('does not guess what marks in other places mean', async () => {
    const german = { delimiter: ';', decimal: ',', thousands: '.' }
    for (const cell of ['1.5', '1.2345', '1,234,567', '1.234.56', '.123', '1,5.000', '12.34,5'])
      assert.deepEqual(await inSpelling(`a;b\n${cell};1\n`, german), ['ROW_NOT_A_NUMBER'], cell)
    assert.deepEqual(await inSpelling('a;b\n1.5;1\n', { delimiter: ';', decimal: ',' }), ['ROW_NOT_A_NUMBER'])
    assert.deepEqual(await inSpelling('a,b\n1.5,1\n', { decimal: ',' }), ['ROW_NOT_A_NUMBER'])
  })

  it('knows missing values, flags and infinities beside them, and keeps texts', async () => {
    const dialect = { delimiter: ';', decimal: ',', na: ['-999'] }
    const cells = ['NA;-999,0', '-inf;1.#IND', 'True;-999']
    assert.deepEqual(await inSpelling(`a;b\n${cells.join('\n')}\n`, dialect), [
      ...['[NaN,NaN]', '[-Infinity,NaN]', '[1,NaN]'],
    ])
    // pandas 3.1, to_csv(decimal=','): flags of which some are missing.
    const flags = await inSpelling('a;b\n1,0;0,0\nTrue;1\n', dialect, { inputs: [input('x', 'bool', ['n', 2])] })
    assert.deepEqual(flags, ['[true,false]', '[true,true]'])
    const texts = [input('x', 'string', ['n', 2])]
    assert.deepEqual(await inSpelling('a;b\n1,50;007\n', dialect, { inputs: texts }), ['["1,50","007"]'])
    const script = await inSpelling('a;b\n1,50;1.5\n01.02.2024;x\n', dialect, { inputs: undefined })
    assert.deepEqual(script, ['{"a":1.50,"b":"1.5"}', '{"a":"01.02.2024","b":"x"}'])
  })

  it('is what the failure of a row advises', async () => {
    for (const [cell, marks] of [
      ['1,5', '"decimal": ","'],
      ['1,234', '"thousands": "," or "decimal": ","'],
      ['1,234.5', '"thousands": ","'],
      ['1.234,5', '"decimal": "," and "thousands": "."'],
      ['1 234', '"thousands": " " or "decimal": "," and "thousands": " "'],
      ["1'234.5", '"thousands": "\'"'],
      ['1\u2019234.5', '"thousands": "\'"'],
    ] as const) {
      const row = await first(`age,b\n"${cell}",1\n`, { format: 'csv', inputs: x })
      const message = `column "age" has another value; it must be a number (float64); ${marks} in the input of a job would read it`
      assert.deepEqual(row, { code: 'ROW_NOT_A_NUMBER', message, line: 2 })
    }
    const asInJson = await first('age,b\n"1.5",1\n', { format: 'csv', inputs: x, dialect: { decimal: ',' } })
    assert.match(
      (asInJson as { message: string }).message,
      /float64\); it is one without "decimal" and "thousands" in the input of a job$/,
    )
  })

  it('takes numbers as Unicode has them written in many countries', async () => {
    for (const country of ['de', 'de-CH', 'fr', 'fr-CH', 'it', 'pl', 'en-IN', 'en', 'ru', 'tr', 'pt-BR']) {
      const written = new Intl.NumberFormat(country).formatToParts(-1234567.25)
      const [decimal, thousands] = ['decimal', 'group'].map(type => written.find(part => part.type === type)?.value)
      const dialect = { delimiter: ';', decimal, thousands: thousands?.replace(/\s/, ' ').replace('\u2019', "'") }
      const cell = written.map(part => part.value).join('')
      assert.deepEqual(await inSpelling(`a;b\n${cell};1\n`, dialect), ['[-1234567.25,1]'], `${country}: ${cell}`)
    }
  })
})

describe('readRows of CSV by inputs', () => {
  it('makes a list in the order of the columns for one input', async () => {
    assert.deepEqual(await table('b,a\n1,2\n', input('x', 'float32', ['n', 2])), ['[1,2]'])
    assert.deepEqual(await table('b,a\n1,2\n', input('x', 'float32', [-1, 'features'])), ['[1,2]'])
    assert.deepEqual(await table('a\n1\n', input('x', 'float32', ['n', 1])), ['[1]'])
    assert.deepEqual(await table('a\n1\n', input('x', 'float32', ['n'])), ['1'])
    assert.deepEqual(await table('a,b,c,d\n1,2,3,4\n', input('x', 'float32', ['n', 1, 2, 2])), ['[[[1,2],[3,4]]]'])
    assert.deepEqual(await table('a,b,c,d\n1,2,3,4\n', input('x', 'float32', ['n', 'pairs', 2])), ['[[1,2],[3,4]]'])
  })

  it('makes an object by input for several inputs, and ignores other columns', async () => {
    const inputs = [
      input('age', 'int64', ['n', 1]),
      input('sex', 'string', ['n']),
      input('v', 'float32', ['n', 2]),
      input('__proto__', 'bool', ['n', 1]),
    ]
    assert.deepEqual(await table('id,v[0],sex,v[1],__proto__,age\n7,1.5,f,2.5,TRUE,50\n', ...inputs), [
      '{"age":[50],"sex":"f","v":[1.5,2.5],"__proto__":[true]}',
    ])
  })

  it('makes an object of all columns when no input is declared', async () => {
    assert.deepEqual(await table('n,t,z,e\n1e5,yes,007,\n -2 ,true,+3,nan\n'), [
      '{"n":1e5,"t":"yes","z":"007","e":""}',
      '{"n":-2,"t":"true","z":"+3","e":"nan"}',
    ])
  })

  it('refuses columns that fit no row of the service', async () => {
    const unfit: [string, TensorInfo[], RegExp][] = [
      [
        'a,b,c',
        [input('x', 'float32', ['n', 2])],
        /3 column\(s\) fill the input "x" of shape \[n, 2\], which takes 2; "columns" in/,
      ],
      ['a,b', [input('x', 'float32', ['n'])], /2 column\(s\)/],
      ['a,b,c', [input('x', 'float32', ['n', 'k', 2])], /a multiple of 2;/],
      ['a,b', [input('x', 'float32', ['n', 'h', 'w'])], /rows as JSON;/],
      ['a,c', [input('a', 'float32', ['n']), input('b', 'float32', ['n'])], /"b"/],
      ['a,b,b', [input('a', 'float32', ['n']), input('b', 'float32', ['n'])], /two columns are named "b"/],
      ['a,b', [input('a', 'float32', ['n']), input('b', 'float32', ['n', 2])], /takes 2;/],
      ['a,a', [], /two columns are named "a"/],
    ]
    for (const [header, inputs, message] of unfit) {
      await assert.rejects(table(`${header}\n`, ...inputs), { code: 'INPUT_COLUMNS_UNFIT', message }, header)
    }
  })

  it('reads common spellings of numbers, and keeps their digits', async () => {
    const cells = {
      '1': '1',
      '-0': '-0',
      '1152921504606846977': '1152921504606846977',
      '0.10': '0.10',
      '1E+05': '1E+05',
      '  2 ': '2',
      '.5': '0.5',
      '-.5e-3': '-0.5e-3',
      '1.': '1',
      '1.e5': '1e5',
      '+3': '3',
      '007': '7',
      '-00.250': '-0.250',
      '+0': '0',
    }
    for (const [cell, json] of Object.entries(cells)) {
      assert.deepEqual(await table(`a\n"${cell}"\n`, input('x', 'float64', ['n'])), [json], cell)
      assert.equal(Number(json), Number(cell))
    }
  })

  it('names the column of a cell that is not a number', async () => {
    for (const cell of ['.', '+', 'e5', '1e', '1 2', '0x10', 'infinite', 'nanx', '1_000', '١', 'secret', '--1']) {
      const row = await first(`id,age\n0,"${cell}"\n`, {
        format: 'csv',
        inputs: [input('x', 'float32', ['n', 2])],
      })
      assert.deepEqual(
        row,
        { code: 'ROW_NOT_A_NUMBER', message: 'column "age" has another value; it must be a number (float32)', line: 2 },
        JSON.stringify(cell),
      )
    }
  })

  it('reads true and false as bool, and any text as string', async () => {
    const flags = 'a\ntrue\nFalse\n 1\n0\n1.0\n0.0\nyes\n2\n'
    assert.deepEqual(await table(flags, input('x', 'bool', ['n'])), [
      ...['true', 'false', 'true', 'false', 'true', 'false', 'ROW_NOT_A_BOOL', 'ROW_NOT_A_BOOL'],
    ])
    // pandas 3.1, get_dummies: columns of flags, which are numbers to the model.
    const dummies = 'a,b\nTrue,False\n1,TRUE\n'
    for (const dtype of ['float32', 'int64'] as const)
      assert.deepEqual(await table(dummies, input('x', dtype, ['n', 2])), ['[1,0]', '[1,1]'])
    const asMissing = { dialect: { na: ['True'] }, format: 'csv', inputs: [input('x', 'float32', ['n', 2])] } as const
    assert.deepEqual(await read(dummies, asMissing), ['[NaN,0]', '[1,1]'])
    assert.deepEqual(await table('a,b\n 1,""\n', input('x', 'string', ['n', 2])), ['[" 1",""]'])
  })

  it('takes linear time for long rows of spaces or zeros', async () => {
    const blanks = ' '.repeat(2 ** 20)
    assert.deepEqual(await read(`\t[1,${blanks}2] \r\n`, { format: 'jsonl' }), [`[1,${blanks}2]`])
    const zeros = '0'.repeat(2 ** 20)
    assert.deepEqual(await table(`a,b\n${zeros}x,1\n${zeros}7,1\n`, input('x', 'float64', ['n', 2])), [
      'ROW_NOT_A_NUMBER',
      '[7,1]',
    ])
  })
})
