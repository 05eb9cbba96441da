import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { readRows } from '../../../src/jobs/formats/read-rows.ts'
import type { LineForm } from '../../../src/jobs/line-form.ts'
import type { RowReading } from '../../../src/jobs/row-scorer.ts'
import type { Feeds, TensorInfo } from '../../../src/models/session/model-session.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { type EchoService, inColumns, requireSame, type Text } from './echo-service.ts'

const numericDtypes = [
  'float32',
  'float64',
  'float16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
] as const
const dtypes = [...numericDtypes, 'bool', 'string'] as const

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => JSON.stringify(value)),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map(value => JSON.stringify(value)),
  fc.integer({ min: -200, max: 300 }).map(String),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 65n }).map(String),
  fc.constantFrom('0', '-0', '1', '2.0', '1e400', '-1e39', '3.4028235677973366e38', '65519', '9007199254740993', '1e2'),
  fc.constantFrom(
    '9007199254740991.4',
    '9007199254740992.0',
    '0.99999999999999999999',
    '18446744073709551615.0',
    '-0.0',
  ),
  fc.constantFrom(
    '5e-324',
    '2e-324',
    '1e-400',
    '0.1000000000000000055511151231257827',
    '1e22',
    '123456789012345678e-3',
  ),
)
const cell = fc.oneof(
  { weight: 8, arbitrary: number },
  fc.constantFrom(
    '',
    'NaN',
    'nan',
    'NA',
    'null',
    'inf',
    '-Infinity',
    'true',
    'FALSE',
    '+3',
    '.5',
    '1.',
    '007',
    '0x10',
    '1_0',
    '1e',
  ),
  fc.constantFrom(
    ' 1',
    '2 ',
    '\t3',
    '"4"',
    '"5',
    '"a,b"',
    '"a""b"',
    'x"y',
    '""',
    '"6" ',
    '"line\nend"',
    'é',
    '"ü",',
    '\u00a07',
    'x\ry',
  ),
)

function withOutput(text: Omit<Text, 'form'>): Text[] {
  return (['jsonl', 'csv'] as const).map(format => ({ ...text, form: { format } }))
}

/** The rows that a scanner finds: an open quote swallows line ends, so the count comes from reading. */
async function count(text: Buffer, reading: RowReading, inputs: readonly TensorInfo[]): Promise<number> {
  const message = await readRows([text], { rowCount: -1 }, { ...reading, inputs }).catch(failure => failure.message)
  return Number(/has (\d+) rows/.exec(message)?.[1])
}

describe('rowsCodec', () => {
  it('gives each row of a CSV what its own request gets', async () => {
    const oneInput = fc.record({
      dtype: fc.constantFrom(...dtypes),
      missing: fc.constantFrom('nan', 'error'),
      shape: fc.constantFrom(['n', 3], ['n', 1, 3], ['n', 'm'], undefined),
      names: fc.constantFrom(undefined, ['b', 'a', 'c']),
    })
    const lines = fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 12 })
    const ends = fc.constantFrom('\n', '\r\n', '\n\n')
    await fc.assert(
      fc.asyncProperty(
        oneInput,
        lines,
        ends,
        fc.boolean(),
        async ({ dtype, missing, shape, names }, table, end, isOpen) => {
          const text = Buffer.from(table.map(row => row.join(',') + end).join('') + (isOpen ? '1,2,3' : ''))
          const inputs = [{ name: 'x', dtype, shape }] as TensorInfo[]
          const reading: RowReading = {
            ...{ format: 'csv', columns: ['a', 'b', 'c'], maxRowBytes: 40 },
            missing: missing as 'nan',
            ...(names && { names }),
          }
          const echo: EchoService = { inputs, missing: missing as 'nan', answer: ({ x }) => x }
          const rowCount = await count(text, reading, inputs).catch(() => 0)
          if (!(rowCount > 0)) return // the planner refuses a file that ends inside a quote
          for (const each of withOutput({ text, rowCount, reading })) await requireSame(echo, each)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('gives each row of a CSV in another dialect what its own request gets', async () => {
    const dialect = fc.record({
      delimiter: fc.constantFrom(';', '\t', '|', ','),
      quote: fc.constantFrom('"', "'", ''),
      na: fc.constantFrom(undefined, ['?'], ['2', '-0.50', 'x', 'true']),
      decimal: fc.constantFrom(undefined, ',', '.'),
      thousands: fc.constantFrom(undefined, ' ', "'"),
    })
    const more = fc.constantFrom(
      "1'234",
      '1 234,5',
      '"1,5"',
      'True',
      '?',
      '2.0',
      '-5e-1',
      "'4'",
      "'a;b'",
      "'it''s'",
      "'x'y",
      '4;5',
    )
    const cells = fc.array(fc.oneof({ weight: 3, arbitrary: cell }, more), { minLength: 3, maxLength: 3 })
    const service = fc.record({ dtype: fc.constantFrom(...dtypes), missing: fc.constantFrom('nan', 'error') })
    await fc.assert(
      fc.asyncProperty(
        dialect,
        fc.array(cells, { minLength: 1, maxLength: 8 }),
        service,
        async (dialect, table, { dtype, missing }) => {
          const text = Buffer.from(table.map(row => `${row.join(dialect.delimiter)}\n`).join(''))
          const inputs: TensorInfo[] = [{ name: 'x', dtype, shape: ['n', 3] }]
          const reading: RowReading = { format: 'csv', columns: ['a', 'b', 'c'], maxRowBytes: 40, missing, dialect }
          const echo: EchoService = { inputs, missing, answer: ({ x }) => x }
          const rowCount = await count(text, reading, inputs).catch(() => 0)
          if (!(rowCount > 0)) return
          for (const each of withOutput({ text, rowCount, reading })) await requireSame(echo, each)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('gives each row of several inputs what its own request gets', async () => {
    const table = fc.array(fc.array(cell, { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 8 })
    const types = fc.array(fc.constantFrom(...dtypes), { minLength: 3, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(table, types, async (rows, [age = 'float32', city = 'string', pair = 'int64']) => {
        const text = Buffer.from(rows.map(row => `${row.join(',')}\n`).join(''))
        const inputs: TensorInfo[] = [
          { name: 'age', dtype: age, shape: ['n', 1] },
          { name: 'city', dtype: city, shape: ['n'] },
          { name: 'pair', dtype: pair, shape: ['n', 2] },
        ]
        const reading: RowReading = {
          ...{ format: 'csv', columns: ['city', 'pair[0]', 'age', 'pair[1]'], maxRowBytes: 1000 },
        }
        const echo: EchoService = { inputs, answer: feeds => ({ ...feeds, ü: feeds.age }) }
        const rowCount = await count(text, reading, inputs).catch(() => 0)
        if (!(rowCount > 0)) return
        for (const each of withOutput({ text, rowCount, reading })) await requireSame(echo, each)
      }),
      { numRuns: 300 },
    )
  })

  it('gives each line of JSON what its own request gets', async () => {
    const value = fc.oneof(
      { weight: 8, arbitrary: number },
      fc.constantFrom('null', 'NaN', 'Infinity', '"x"', 'true', '01', '[1]', ''),
    )
    const spaced = fc.tuple(fc.constantFrom('', ' ', '\t'), value).map(pair => pair.join(''))
    const list = (inner: fc.Arbitrary<string>, least: number, most: number) =>
      fc.array(inner, { minLength: least, maxLength: most }).map(entries => `[${entries.join(',')}]`)
    const row = fc.oneof(
      { weight: 6, arbitrary: list(spaced, 2, 2) },
      list(spaced, 0, 3),
      list(list(spaced, 2, 2), 1, 2),
      spaced.map(text => `{"x": [${text}, 2]}`),
      fc.constantFrom(
        '{"data": [1, 2]}',
        '[1, 2] x',
        '5',
        '[1, 2',
        '[1,',
        '2]',
        ' 2]',
        '{"a": 1, "b": 2}',
        '"é"',
        '[[1, 2]]',
      ),
    )
    const service = fc.record({
      dtype: fc.constantFrom(...dtypes),
      missing: fc.constantFrom('nan', 'error'),
      columns: fc.constantFrom(undefined, ['a', 'b']),
    })
    await fc.assert(
      fc.asyncProperty(
        service,
        fc.array(row, { minLength: 1, maxLength: 10 }),
        async ({ dtype, missing, columns }, lines) => {
          const text = Buffer.from(lines.join('\n'))
          const inputs = [{ name: 'x', dtype, shape: ['n', 2] }] as TensorInfo[]
          const echo: EchoService = {
            ...{ inputs, missing: missing as 'nan', answer: ({ x }: Feeds) => [...(x as Tensor).data].length && x },
            ...(columns && { columns }),
          }
          const reading: RowReading = {
            format: 'jsonl',
            missing: missing as 'nan',
            maxRowBytes: 1000,
            ...(columns && { names: columns }),
          }
          const rowCount = await count(text, reading, inputs)
          for (const each of withOutput({ text, rowCount, reading })) await requireSame(echo, each)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('gives each record of JSON what its own request gets', async () => {
    const value = fc.oneof(
      { weight: 8, arbitrary: number },
      fc.constantFrom(
        'null',
        'NaN',
        '-Infinity',
        '"x"',
        '"é\\n"',
        '"\t"',
        'true',
        'false',
        'truth',
        '01',
        '[1]',
        '{}',
        '"a',
      ),
    )
    const names = fc.constantFrom(['a', 'é"', 'c', 'id'], ['a', 'c', 'é"', 'id'], ['a', 'é"', 'c', 'id', 'more'])
    const ends = fc.constantFrom('}', ' } ', '} x', ',}', '', '}}')
    const row = fc.tuple(names, fc.array(value, { minLength: 5, maxLength: 5 }), fc.constantFrom('', ' '), ends)
    const written = row.map(([keys, values, space, end]) => {
      const members = keys.map((key, at) => `${space}${JSON.stringify(key)}${space}:${space}${values[at]}${space}`)
      return `{${members.join(',')}${end}`
    })
    const types = fc.array(fc.constantFrom(...dtypes), { minLength: 3, maxLength: 3 })
    const lines = fc.array(fc.oneof({ weight: 9, arbitrary: written }, fc.constantFrom('[1, 2, 3]', '{}')), {
      minLength: 1,
      maxLength: 8,
    })
    await fc.assert(
      fc.asyncProperty(
        types,
        lines,
        fc.constantFrom('nan', 'error'),
        fc.boolean(),
        async (dtypes, rows, missing, isOne) => {
          const [dtype = 'float32'] = dtypes
          const ofColumns = ['a', 'é"', 'c'].map((name, at) => ({
            name,
            dtype: dtypes[at] as typeof dtype,
            shape: ['n', 1],
          }))
          const inputs: TensorInfo[] = isOne ? [{ name: 'x', dtype, shape: ['n', 3] }] : ofColumns
          const echo: EchoService = { inputs, missing, answer: feeds => feeds }
          const reading: RowReading = {
            ...{ format: 'jsonl', columns: ['a', 'é"', 'c', 'id'], missing, maxRowBytes: 1000 },
            ...(isOne && { names: ['c', 'a', 'é"'] }),
          }
          const text = Buffer.from(rows.join('\n'))
          const rowCount = await count(text, reading, inputs)
          for (const each of withOutput({ text, rowCount, reading })) await requireSame(echo, each)
        },
      ),
      { numRuns: 400 },
    )
  })

  it.each<[string, (feeds: Feeds) => unknown]>([
    ['lists', ({ x }) => (x as Tensor).toList()],
    ['an object of lists', ({ x }) => ({ score: (x as Tensor).toList(), 'é "q"': (x as Tensor).toList() })],
    ['an object for each row', ({ x }) => ((x as Tensor).toList() as number[][]).map(([a]) => ({ a, text: 'ü\n,"' }))],
    ['names of classes', ({ x }) => new Tensor('float32', (x as Tensor).data, (x as Tensor).shape, ['ä', 'b"'])],
    [
      'texts',
      ({ x }) =>
        new Tensor(
          'string',
          [...(x as Tensor).data].map(each => `a,"ß${each}`),
          (x as Tensor).shape,
        ),
    ],
    [
      'one number a row',
      ({ x }) =>
        new Tensor('float64', Float64Array.from((x as Tensor).data.slice(0, (x as Tensor).rowCount) as Float32Array), [
          (x as Tensor).rowCount,
        ]),
    ],
  ])('writes answers that are %s as over HTTP', async (_, answer) => {
    const rows = ['1,2', '3,x', '-0.5,1e-7', ',6', '7', '123456789,0.1']
    const text = Buffer.from(rows.map(row => `${row}\n`).join(''))
    const echo: EchoService = { inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 2] }], answer }
    // What depends on other rows is no answer of a row, so each has rows of its own.
    const reading: RowReading = { format: 'csv', columns: ['a', 'b'], maxRowBytes: 1000 }
    const isWhole = !answer.toString().includes('slice')
    for (const each of withOutput({
      text: isWhole ? text : Buffer.from('1,1\n2,2\n'),
      rowCount: isWhole ? 6 : 2,
      reading,
    })) {
      if (isWhole) await requireSame(echo, each)
      else assert.equal(inColumns(echo, each).failed, 0)
    }
  })

  it.each<[LineForm, (feeds: Feeds) => unknown]>([
    [{ format: 'csv', parts: [{ columns: ['p_0', 'p_1'], dtype: 'float32' }] }, ({ x }) => x],
    [
      {
        format: 'csv',
        parts: [
          { member: 'b', columns: ['b'], isWhole: true },
          { member: 'a', columns: ['a_0', 'a_1'] },
        ],
      },
      ({ x }) => ({ a: x, b: x, c: x }),
    ],
    [
      {
        format: 'csv',
        parts: [
          { member: 't', columns: ['t_0', 't_1'] },
          { member: 'c', columns: ['c_ä', 'c_b'] },
        ],
      },
      ({ x }) => {
        const { data, shape } = x as Tensor
        const texts = [...data].map(each => `a,"ß${each} `)
        return { t: new Tensor('string', texts, shape), c: new Tensor('float32', data, shape, ['ä', 'b"']) }
      },
    ],
    [{ format: 'jsonl', members: ['b', 'a'] }, ({ x }) => ({ a: x, b: x, c: x })],
    [{ format: 'jsonl', members: ['a'] }, ({ x }) => ({ a: (x as Tensor).toList(), b: x })],
    [{ format: 'jsonl', members: ['z'] }, ({ x }) => ({ a: x })],
  ])('writes chosen columns as over HTTP: %j', async (form, answer) => {
    const text = Buffer.from('1,2\n3,x\n-0.5,1e-7\n,6\n7\n123456789,0.1\n')
    const echo: EchoService = { inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 2] }], answer }
    const reading: RowReading = { format: 'csv', columns: ['a', 'b'], maxRowBytes: 1000 }
    await requireSame(echo, { text, rowCount: 6, reading, form })
  })

  it('gives back a piece whose answers have other columns than declared', () => {
    const form: LineForm = { format: 'csv', parts: [{ columns: ['p_0', 'p_1', 'p_2'] }] }
    const inputs: TensorInfo[] = [{ name: 'x', dtype: 'float32', shape: ['n', 2] }]
    const reading: RowReading = { format: 'csv', columns: ['a', 'b'], maxRowBytes: 1000 }
    const text = { text: Buffer.from('1,2\n3,4\n'), rowCount: 2, reading, form }
    assert.throws(() => inColumns({ inputs, answer: ({ x }) => x }, text), { message: /cannot be divided by rows/ })
  })

  it('takes no list that goes on in the next line', async () => {
    const inputs: TensorInfo[] = [{ name: 'x', dtype: 'float32', shape: ['n', 2] }]
    const echo: EchoService = { inputs, answer: ({ x }) => x }
    const reading: RowReading = { format: 'jsonl', maxRowBytes: 1000 }
    const text = Buffer.from('[1, 2]\n[3,\n4]\n[5\n, 6]\n[7, 8\n]\n[9, 10]\r\n')
    for (const each of withOutput({ text, rowCount: 8, reading })) await requireSame(echo, each)
    assert.equal(inColumns(echo, { text, rowCount: 8, reading, form: { format: 'jsonl' } }).failed, 6)
  })

  it('refuses rows of shapes that do not go together, and a text with other rows than were planned', () => {
    const inputs: TensorInfo[] = [{ name: 'x', dtype: 'float32', shape: ['n', 'm'] }]
    const echo: EchoService = { inputs, answer: ({ x }) => x }
    const reading: RowReading = { format: 'jsonl', maxRowBytes: 1000 }
    const score = (lines: string, rowCount: number) => () =>
      inColumns(echo, { text: Buffer.from(lines), rowCount, reading, form: { format: 'jsonl' } })
    assert.throws(score('[1]\n[1, 2]\n', 2), { message: 'the rows cannot be scored together: their shapes differ' })
    assert.throws(score('[1]\n[1]\n', 1), { message: 'the text has more than the 1 rows that were planned' })
    assert.throws(score('[1]\n', 2), { message: 'the text has 1 rows; 2 were planned' })
  })
})
