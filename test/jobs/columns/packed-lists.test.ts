import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, it } from 'vitest'
import { PackedColumns } from '../../../src/jobs/formats/packed-columns.ts'
import type { RowReading } from '../../../src/jobs/row-scorer.ts'
import type { TensorInfo } from '../../../src/models/session/model-session.ts'
import { packedText, plan, type Tried } from '../inputs.ts'
import { type EchoService, requireSame } from './echo-service.ts'

const dtypes = ['float16', 'float32', 'float64', 'int8', 'uint8', 'int32', 'int64', 'uint64', 'bool'] as const
const types = ['BOOLEAN', 'INT32', 'INT64', 'FLOAT', 'DOUBLE'] as const
type NumberType = (typeof types)[number]

const special = fc.constantFrom(0, -0, 1, Number.NaN, Infinity, -Infinity, 3.5e38, -65520, 1e300, 2 ** 53, 2.5)
const small = fc.integer({ min: -3, max: 300 })
const numbers: Readonly<Record<NumberType, fc.Arbitrary<unknown>>> = {
  BOOLEAN: fc.boolean(),
  INT32: fc.oneof({ weight: 5, arbitrary: small }, fc.integer()),
  INT64: fc.oneof({ weight: 5, arbitrary: small.map(BigInt) }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  FLOAT: fc.oneof({ weight: 5, arbitrary: small }, fc.float(), special.map(Math.fround)),
  DOUBLE: fc.oneof({ weight: 5, arbitrary: small }, fc.double(), special),
}

/** Lists of `count` numbers; some rows and elements are null, and some lists have another length. */
const list = (type: NumberType, count: number) =>
  fc.option(
    fc.oneof(
      { weight: 6, arbitrary: fc.array(numbers[type], { minLength: count, maxLength: count }) },
      fc.array(fc.option(numbers[type], { freq: 9 }), { maxLength: count + 1 }),
    ),
    { freq: 9 },
  )

/** The same, nested in lists of two. */
const nested = (type: NumberType) =>
  fc.option(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.array(fc.array(numbers[type], { minLength: 2, maxLength: 2 }), { minLength: 2, maxLength: 2 }),
      },
      fc.array(list(type, 2), { maxLength: 3 }),
    ),
    { freq: 9 },
  )

/** JSON of a value as the guide has it: all digits, and Python's words for what is not finite. */
function json(value: unknown, hasWords: boolean, dtype: string): string {
  if (Array.isArray(value)) return `[${value.map(each => json(each, hasWords, dtype))}]`
  if (typeof value === 'boolean' && dtype !== 'bool') return value ? '1' : '0'
  if (dtype === 'bool' && (Object.is(value, 0) || value === 1 || value === 0n || value === 1n))
    return String(Number(value) === 1)
  if (Object.is(value, -0)) return '-0'
  return typeof value !== 'number' || hasWords || Number.isFinite(value) ? String(value) : 'null'
}

function file(type: NumberType, depth: number, data: unknown[], rowGroupSize = 9): Uint8Array {
  const lists = (name: string, level: number): object[] =>
    level === 0
      ? [{ name, type, repetition_type: 'OPTIONAL' }]
      : [
          { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
          { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
          ...lists('element', level - 1),
        ]
  const schema = [{ name: 'schema', num_children: 1 }, ...lists('x', depth)] as never
  const columnData = [{ name: 'x', data, encoding: 'PLAIN' as const }] as never
  return new Uint8Array(parquetWriteBuffer({ schema, columnData, rowGroupSize, pageSize: 64 }))
}

const table = fc.constantFrom(...types).chain(type =>
  fc.record({
    type: fc.constant(type),
    dtype: fc.constantFrom(...dtypes),
    missing: fc.constantFrom('nan' as const, 'error' as const),
    shape: fc.constantFrom<(string | number)[]>(['n', 4], ['n', 'width'], ['n', 2, 2]),
    rows: fc.oneof(
      fc.record({ depth: fc.constant(1), data: fc.array(list(type, 4), { minLength: 1, maxLength: 20 }) }),
      fc.record({ depth: fc.constant(2), data: fc.array(nested(type), { minLength: 1, maxLength: 20 }) }),
    ),
  }),
)

describe('rowsCodec with packed lists of Parquet', () => {
  it('gives each row what its own request gets, from any row on', async () => {
    let packedCount = 0
    await fc.assert(
      fc.asyncProperty(table, fc.nat(19), async ({ type, dtype, missing, shape, rows }, skipped) => {
        const { depth } = rows
        // Where a size is open, lists of other lengths go to requests of their own.
        const isOpen = shape[1] === 'width'
        const data = rows.data.filter(row => !isOpen || row?.length === 4)
        if (data.length === 0) return
        const inputs: TensorInfo[] = [{ name: 'x', dtype, shape }]
        const options: Tried = { format: 'parquet', inputs, missing, miniBatchSize: 20 }
        const { chunks, fault } = await plan(file(type, depth, data), options)
        assert.equal(fault, undefined)
        const [chunk] = chunks
        const isNestedInOpen = depth === 2 && shape.length === 2
        assert.deepEqual([chunks.length, chunk?.isPacked], [1, isNestedInOpen ? undefined : true])
        if (isNestedInOpen) return
        packedCount++
        const hasWords = missing === 'nan' && dtype.startsWith('float')
        const isNested = shape.length === 3 && depth === 1
        const asInput = (row: unknown[] | null) =>
          isNested && row?.length === 4 ? [row.slice(0, 2), row.slice(2)] : row
        const lines = data.map(value => `${json(asInput(value), hasWords, dtype)}\n`)
        const content = chunk?.content as Uint8Array
        assert.equal(packedText(content).toString(), lines.join(''))
        const packed = PackedColumns.open(content)
        for (const [row, line] of lines.entries()) assert.ok(packed.mostTextBytes(row) >= line.length - 1)
        const from = skipped % data.length
        const text = Buffer.from(lines.slice(from).join(''))
        const reading: RowReading = { format: 'jsonl', missing, maxRowBytes: 1000 }
        const echo: EchoService = { inputs, missing, answer: ({ x }) => x }
        const rest = { text, rowCount: data.length - from, reading, form: { format: 'jsonl' } as const }
        await requireSame(echo, rest, { content, from })
      }),
      { numRuns: 300 },
    )
    assert.ok(packedCount > 100)
  })

  const listOf = (name: string, type: string) => [
    { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type, repetition_type: 'OPTIONAL' },
  ]
  const write = (elements: object[][], columns: Record<string, unknown[]>) => {
    const schema = [{ name: 'schema', num_children: elements.length }, ...elements.flat()] as never
    const columnData = Object.entries(columns).map(([name, data]) => ({ name, data, encoding: 'PLAIN' as const }))
    return new Uint8Array(parquetWriteBuffer({ schema, columnData: columnData as never }))
  }
  const single = (name: string, type: string, more = {}) => [{ name, type, repetition_type: 'OPTIONAL', ...more }]

  it('fills one of several inputs beside numbers, and copies lists and groups to the output', async () => {
    const content = write(
      [
        single('id', 'BYTE_ARRAY', { converted_type: 'UTF8' }),
        listOf('tags', 'INT32'),
        [...listOf('image', 'FLOAT')],
        single('b', 'DOUBLE'),
        [{ name: 'group', repetition_type: 'OPTIONAL', num_children: 1 }, ...single('x', 'INT32')],
        single('age', 'INT32'),
      ],
      {
        id: ['a', 'b', null],
        tags: [[1, 2], null, []],
        image: [[0, 0.5, -0, 3], [1, 2, 3], null],
        b: [1, 2, 3],
        group: [{ x: 1 }, null, { x: null }],
        age: [30, 40, 50],
      },
    )
    const inputs: TensorInfo[] = [
      { name: 'age', dtype: 'int64', shape: ['n'] },
      { name: 'image', dtype: 'float32', shape: ['n', 4] },
      { name: 'b', dtype: 'float32', shape: ['n', 1] },
    ]
    const options: Tried = { format: 'parquet', inputs, include: ['tags', 'id', 'group'], miniBatchSize: 9 }
    const [chunk] = (await plan(content, options)).chunks
    assert.equal(chunk?.isPacked, true)
    const lines = [
      '{"id":"a","tags":[1,2],"image":[0,0.5,-0,3],"b":1,"group":{"x":1},"age":30}',
      '{"id":"b","tags":null,"image":[1,2,3],"b":2,"group":null,"age":40}',
      '{"id":null,"tags":[],"image":null,"b":3,"group":{"x":null},"age":50}',
    ]
    const packed = chunk?.content as Uint8Array
    assert.equal(packedText(packed).toString(), `${lines.join('\n')}\n`)
    assert.deepEqual(PackedColumns.open(packed).namedCells(['group', 'none', 'tags'])(0), [
      '{"x":1}',
      undefined,
      '[1,2]',
    ])
    const reading: RowReading = { format: 'jsonl', maxRowBytes: 1000, columns: chunk?.next.columns }
    const text = { text: Buffer.from(lines.join('\n')), rowCount: 3, reading, form: { format: 'jsonl' } as const }
    await requireSame({ inputs, answer: feeds => feeds }, text, { content: packed, from: 0 })
  })

  it('keeps lists that are too large out of memory', async () => {
    const wide = new Array(200).fill(0.25)
    const content = write([listOf('x', 'DOUBLE')], { x: [[1, 2], wide, [3, 4], null] })
    const inputs: TensorInfo[] = [{ name: 'x', dtype: 'float64', shape: ['n', 2] }]
    const [chunk] = (await plan(content, { format: 'parquet', inputs, maxRowBytes: 400, miniBatchSize: 9 })).chunks
    assert.ok(chunk?.content && chunk.content.byteLength < 400)
    const mark = Buffer.from('\xffrow too large\xff', 'latin1')
    const text = Buffer.concat([Buffer.from('[1,2]\n'), mark, Buffer.from('\n[3,4]\nnull\n')])
    assert.equal(packedText(chunk.content).equals(text), true)
    const reading: RowReading = { format: 'jsonl', maxRowBytes: 400 }
    const echo: EchoService = { inputs, answer: ({ x }) => x }
    const rest = { text, rowCount: 4, reading, form: { format: 'jsonl' } as const }
    await requireSame(echo, rest, { content: chunk.content, from: 0 })
  })

  it('takes decimals as the numbers that their texts stand for', async () => {
    const money = { converted_type: 'DECIMAL', precision: 18, scale: 2 }
    const cents = [10n, -1230n, 400000000000000000n, null, 9007199254740991n, 0n, -1n]
    const texts = ['0.10', '-12.30', '4000000000000000.00', 'null', '90071992547409.91', '0.00', '-0.01']
    const content = write([single('x', 'INT64', money)], { x: cents.map(value => value && Number(value) / 100) })
    for (const dtype of ['float16', 'float32', 'float64', 'int64', 'int8'] as const) {
      const inputs: TensorInfo[] = [{ name: 'x', dtype, shape: ['n', 1] }]
      const [chunk] = (await plan(content, { format: 'parquet', inputs, miniBatchSize: 9 })).chunks
      assert.equal(chunk?.isPacked, true)
      const text = Buffer.from(texts.map(each => `[${each}]\n`).join(''))
      const reading: RowReading = { format: 'jsonl', maxRowBytes: 400 }
      const rest = { text, rowCount: texts.length, reading, form: { format: 'jsonl' } as const }
      await requireSame({ inputs, answer: ({ x }) => x }, rest, { content: chunk?.content as Uint8Array, from: 0 })
    }
    const inputs: TensorInfo[] = [{ name: 'x', dtype: 'float64', shape: ['n', 1] }]
    const [copied] = (await plan(content, { format: 'parquet', inputs, include: ['x'], miniBatchSize: 9 })).chunks
    assert.equal(
      Buffer.from(copied?.content as Uint8Array)
        .toString()
        .split('\n')[1],
      '{"x":-12.30}',
    )
  })
})
