import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer'
import { describe, it } from 'vitest'
import type { RowReading } from '../../../src/jobs/row-scorer.ts'
import type { TensorInfo } from '../../../src/models/session/model-session.ts'
import { packedText, plan, type Tried } from '../inputs.ts'
import { type EchoService, requireSame } from './echo-service.ts'

const dtypes = [
  ...(['float16', 'float32', 'float64'] as const),
  ...(['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'bool'] as const),
]
const types = ['BOOLEAN', 'INT32', 'INT64', 'FLOAT', 'DOUBLE'] as const
type NumberType = (typeof types)[number]

const special = fc.constantFrom(0, -0, 1, Number.NaN, Infinity, -Infinity, 3.5e38, -65520, 1e300, 2 ** 53, 2.5)
const small = fc.integer({ min: -200, max: 300 })
const values: Readonly<Record<NumberType, fc.Arbitrary<unknown>>> = {
  BOOLEAN: fc.boolean(),
  INT32: fc.oneof(small, fc.integer()),
  INT64: fc.oneof(
    small.map(BigInt),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.constant(2n ** 60n + 1n),
  ),
  FLOAT: fc.oneof(small, fc.float(), special.map(Math.fround)),
  DOUBLE: fc.oneof(small, fc.double(), special),
}

/** JSON of a value as the guide has it: all digits, and Python's words for what is not finite. */
function json(value: unknown, dtype: string, missing: string): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return dtype === 'bool' ? String(value) : value ? '1' : '0'
  const hasDigits = typeof value === 'bigint' || Number.isFinite(value)
  const text = Object.is(value, -0) ? '-0' : String(value)
  if (!hasDigits) return missing === 'nan' && dtype.startsWith('float') ? text : 'null'
  return dtype === 'bool' && /^[01]$/.test(text) ? String(text === '1') : text
}

const table = fc.record({
  dtype: fc.constantFrom(...dtypes),
  missing: fc.constantFrom('nan' as const, 'error' as const),
  columns: fc.array(
    fc.constantFrom(...types).chain(type =>
      fc.record({
        type: fc.constant(type),
        data: fc.array(fc.option(values[type], { freq: 6 }), { minLength: 20, maxLength: 20 }),
      }),
    ),
    { minLength: 2, maxLength: 2 },
  ),
  rowCount: fc.integer({ min: 1, max: 20 }),
})

/** Dictionaries of the writer have one entry for 0 and -0. */
function file(columns: ColumnSource[]): Uint8Array {
  const columnData = columns.map(each => ({ ...each, encoding: 'PLAIN' as const }))
  return new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 9 }))
}

describe('rowsCodec with packed columns of Parquet', () => {
  it('gives each row what its own request gets, from any row on', async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.nat(19), async ({ dtype, missing, columns, rowCount }, skipped) => {
        const data = columns.map(({ data }) => data.slice(0, rowCount))
        const content = file(
          columns.map(({ type }, at) => ({ name: 'ab'[at] as string, type, data: data[at] as never })),
        )
        const inputs: TensorInfo[] = [{ name: 'x', dtype, shape: ['n', 2] }]
        const options: Tried = { format: 'parquet', inputs, missing, miniBatchSize: 20 }
        const { chunks, fault } = await plan(content, options)
        assert.equal(fault, undefined)
        const [chunk] = chunks
        assert.deepEqual([chunks.length, chunk?.isPacked], [1, true])
        const lines = Array.from(
          { length: rowCount },
          (_, row) => `[${data.map(column => json(column[row], dtype, missing))}]\n`,
        )
        assert.equal(packedText(chunk?.content as Uint8Array).toString(), lines.join(''))
        const from = skipped % rowCount
        const text = Buffer.from(lines.slice(from).join(''))
        const reading: RowReading = { format: 'jsonl', missing, maxRowBytes: 1000 }
        const echo: EchoService = { inputs, missing, answer: ({ x }) => x }
        const packed = { content: chunk?.content as Uint8Array, from }
        await requireSame(echo, { text, rowCount: rowCount - from, reading, form: { format: 'jsonl' } }, packed)
      }),
      { numRuns: 200 },
    )
  })

  it('fills several inputs, also with text, beside columns that are only copied to the output', async () => {
    const content = file([
      { name: 'id', type: 'STRING', data: ['a "1"', 'é', null, 'd'] as never },
      { name: 'city', type: 'STRING', data: ['Ulm', 'Bonn\n', 'Köln', null] as never },
      { name: 'pair[1]', type: 'DOUBLE', data: [0.5, null, 2.5, 3.5] as never },
      { name: 'age', type: 'INT64', data: [1n, 2n, 2n ** 60n + 1n, 4n] as never },
      { name: 'pair[0]', type: 'FLOAT', data: [0.25, 1, Number.NaN, 1] as never },
    ])
    const inputs: TensorInfo[] = [
      { name: 'age', dtype: 'int64', shape: ['n', 1] },
      { name: 'city', dtype: 'string', shape: ['n'] },
      { name: 'pair', dtype: 'float32', shape: ['n', 2] },
    ]
    const [chunk] = (await plan(content, { format: 'parquet', inputs, include: ['id'], miniBatchSize: 9 })).chunks
    assert.equal(chunk?.isPacked, true)
    const lines = [
      '{"id":"a \\"1\\"","city":"Ulm","pair[1]":0.5,"age":1,"pair[0]":0.25}',
      '{"id":"é","city":"Bonn\\n","pair[1]":null,"age":2,"pair[0]":1}',
      '{"id":null,"city":"Köln","pair[1]":2.5,"age":1152921504606846977,"pair[0]":NaN}',
      '{"id":"d","city":null,"pair[1]":3.5,"age":4,"pair[0]":1}',
    ]
    assert.deepEqual(
      packedText(chunk?.content as Uint8Array)
        .toString()
        .trimEnd()
        .split('\n'),
      lines,
    )
    const reading: RowReading = { format: 'jsonl', maxRowBytes: 1000, columns: chunk?.next.columns }
    const echo: EchoService = { inputs, answer: feeds => feeds }
    const text = { text: Buffer.from(lines.join('\n')), rowCount: 4, reading, form: { format: 'jsonl' } as const }
    await requireSame(echo, text, { content: chunk?.content as Uint8Array, from: 0 })
  })

  it('keeps rows that are too large out of memory', async () => {
    const content = file([
      { name: 'id', type: 'STRING', data: ['a', 'b'.repeat(500), 'c'] as never },
      { name: 'x', type: 'DOUBLE', data: [1, 2, 3] as never },
    ])
    const inputs: TensorInfo[] = [{ name: 'x', dtype: 'float64', shape: ['n', 1] }]
    const options: Tried = { format: 'parquet', inputs, names: ['x'], include: ['id'], maxRowBytes: 400 }
    const [chunk] = (await plan(content, options)).chunks
    assert.ok(chunk?.content && chunk.content.byteLength < 500)
    const mark = Buffer.from('\xffrow too large\xff', 'latin1')
    const text = Buffer.concat([Buffer.from('{"id":"a","x":1}\n'), mark, Buffer.from('\n{"id":"c","x":3}')])
    assert.equal(packedText(chunk.content).equals(Buffer.concat([text, Buffer.from('\n')])), true)
    const reading: RowReading = { format: 'jsonl', maxRowBytes: 400, columns: ['id', 'x'], names: ['x'] }
    const echo: EchoService = { inputs, answer: ({ x }) => x }
    await requireSame(
      echo,
      { text, rowCount: 3, reading, form: { format: 'jsonl' } },
      { content: chunk.content, from: 0 },
    )
  })

  it('leaves lists and nested values in text', async () => {
    const content = file([
      { name: 'x', type: 'DOUBLE', data: [1, 2] as never },
      { name: 'more', type: 'JSON', data: [{ a: 1 }, [2]] as never },
    ])
    const inputs: TensorInfo[] = [{ name: 'x', dtype: 'float64', shape: ['n', 1] }]
    const [chunk] = (await plan(content, { format: 'parquet', inputs, names: ['x'], include: ['more'] })).chunks
    assert.deepEqual(
      [chunk?.isPacked, Buffer.from(chunk?.content as Uint8Array).toString()],
      [undefined, '{"x":1,"more":{"a":1}}\n{"x":2,"more":[2]}'],
    )
  })
})
