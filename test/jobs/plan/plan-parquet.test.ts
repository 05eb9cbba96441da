import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { parquetReadObjects } from 'hyparquet'
import { describe, it } from 'vitest'
import { PackedColumns } from '../../../src/jobs/formats/packed-columns.ts'
import { encodeChunk } from '../../../src/jobs/output/chunk-output.ts'
import { outputTable } from '../../../src/jobs/output/output-table.ts'
import { resultLines } from '../../../src/jobs/output/result-lines.ts'
import { planChunks } from '../../../src/jobs/plan/plan-chunks.ts'
import { planParquet } from '../../../src/jobs/plan/plan-parquet.ts'
import { planStart } from '../../../src/jobs/plan-parts.ts'
import type { TensorInfo } from '../../../src/models/session/model-session.ts'
import { optionsFor, packedText, plan, read, readerOf, type Tried } from '../inputs.ts'

/** Written by pyarrow: test/fixtures/parquet/write.py */
const fixture = (name: string) => readFileSync(new URL(`../../fixtures/parquet/${name}.parquet`, import.meta.url))
const tried: Tried = { format: 'parquet', miniBatchSize: 7 }
const float = (name: string, ...shape: (string | number)[]): TensorInfo => ({ name, dtype: 'float32', shape })

/** As write.py has them: row i is i/10, 2i/10, 3i/10, 5i/10. */
const iris = (count: number) =>
  Array.from({ length: count }, (_, i) => `[${[1, 2, 3, 5].map(step => (i * step) / 10)}]`)

describe('planChunks of Parquet', () => {
  it('encodes each type without loss', async () => {
    const [full, nulls, edges] = await read(fixture('types'), tried)
    assert.equal(
      full,
      '{"flag":true,"i8":-128,"u8":255,"u32":4294967295,"i64":1152921504606846977,"u64":18446744073709551615,"f16":1.5,"f32":0.5,' +
        '"f64":0.1,"text":"é \\"q\\"\\n","bytes":"AP8=","fixed":"YWJj","money":-12.30,' +
        '"wide":1234567890123456789012345678901234567890.0123456789,"day":"1969-12-31","clock":"23:59:59.000001",' +
        '"local_ms":"2026-11-21T12:00:00.005","utc_us":"1969-12-31T23:59:59.999999Z","utc_ns":"2026-01-02T03:04:05.000006000Z",' +
        '"list":[1,null,3],"lists":[[1],[],null,[2,3.5]],"group":{"a":7,"b":["p",null]},' +
        '"groups":[{"x":1,"y":"u"},{"x":null,"y":null}],"map":{"k":1,"__proto__x":null}}',
    )
    assert.ok(Object.values(JSON.parse(nulls ?? '')).every(value => value === null))
    assert.equal(
      edges,
      '{"flag":false,"i8":0,"u8":0,"u32":0,"i64":-9223372036854775808,"u64":0,"f16":-0,"f32":null,"f64":null,"text":"","bytes":"",' +
        '"fixed":"AAAA","money":0.05,"wide":-0.0000000001,"day":"9999-12-31","clock":"00:00:00.000000",' +
        '"local_ms":"1900-01-01T00:00:00.000","utc_us":"2000-01-01T00:00:00.000000Z","utc_ns":"2000-01-01T00:00:00.000000000Z",' +
        '"list":[],"lists":[],"group":{"a":null,"b":null},"groups":[],"map":{}}',
    )
  })

  it('keeps the nanoseconds of INT96 timestamps', async () => {
    const [row] = await read(fixture('types-int96'), tried)
    assert.equal(JSON.parse(row ?? '').utc_us, '1969-12-31T23:59:59.999999000Z')
  })

  it.each(['none', 'gzip', 'brotli', 'lz4', 'zstd'])('reads all row groups of a file with codec %s', async codec => {
    const rows = await read(fixture(`iris-${codec}`), { ...tried, inputs: [float('x', 'n', 4)], sizes: [100, 3] })
    assert.deepEqual(rows, iris(codec === 'zstd' ? 240 : 60))
  })

  it('continues after any chunk with the same plan', async () => {
    const options = { ...tried, inputs: [float('x', 'n', 4)], miniBatchSize: 9, maxChunkBytes: 90 }
    const { chunks } = await plan(fixture('iris-none'), options)
    assert.ok(chunks.length > 6)
    for (const [at, { next }] of chunks.entries()) {
      assert.deepEqual((await plan(fixture('iris-none'), options, next)).chunks, chunks.slice(at + 1))
    }
  })

  it('returns the same rows for every slice size', async () => {
    for (const name of ['iris-none', 'iris-zstd', 'types', 'vectors']) {
      const content = fixture(name)
      const { chunks } = await plan(content, tried)
      for (const sliceBytes of [150, 1000]) {
        const options = optionsFor(content, tried)
        const sliced: unknown[] = []
        for await (const chunk of planParquet(readerOf(content), { ...options, sliceBytes }, planStart))
          sliced.push(chunk)
        assert.deepEqual(sliced, chunks, `${name} ${sliceBytes}`)
      }
    }
  })

  it('maps columns to rows as for CSV', async () => {
    const [, second] = await read(fixture('iris-none'), { ...tried, inputs: [float('d', 'n'), float('a', 'n', 1)] })
    assert.equal(second, '{"d":0.5,"a":[0.1]}')
    const { fault } = await plan(fixture('iris-none'), { ...tried, inputs: [float('x', 'n', 3)] })
    assert.match(fault?.message ?? '', /4 column\(s\) fill the input "x"/)
  })

  it('reads flags as numbers and numbers as flags, as in a CSV', async () => {
    const column = (name: string, dtype: TensorInfo['dtype']) =>
      read(fixture('types'), { ...tried, inputs: [{ name: 'x', dtype, shape: ['n', 1] }], names: [name] })
    assert.deepEqual(await column('flag', 'float32'), ['[1]', '[null]', '[0]'])
    assert.deepEqual(await column('flag', 'bool'), ['[true]', '[null]', '[false]'])
    assert.deepEqual(await column('u8', 'bool'), ['[255]', '[null]', '[false]'])
    assert.deepEqual(await column('money', 'float64'), ['[-12.3]', '[null]', '[0.05]'])
    assert.deepEqual(await column('day', 'string'), ['["1969-12-31"]', '[null]', '["9999-12-31"]'])
    const options: Tried = { ...tried, inputs: [float('x', 'n', 1)], names: ['flag'], include: ['flag'] }
    const [chunk] = (await plan(fixture('types'), options)).chunks
    assert.deepEqual(
      [packedText(chunk?.content as Uint8Array).toString(), chunk?.next.types?.flag],
      ['{"flag":1}\n{"flag":null}\n{"flag":0}\n', 'float32'],
    )
  })

  it.for<[column: string, dtype: TensorInfo['dtype'], message: string, width?: number]>([
    ['text', 'float32', 'column "text" holds text, and the service takes numbers (float32) there'],
    ['text', 'bool', 'column "text" holds text, and the service takes flags there'],
    ['local_ms', 'float32', 'column "local_ms" holds dates or times, and the service takes numbers (float32) there'],
    ['day', 'int64', 'column "day" holds dates or times, and the service takes numbers (int64) there'],
    ['bytes', 'float32', 'column "bytes" holds bytes, and the service takes numbers (float32) there'],
    ['i64', 'string', 'column "i64" holds numbers, and the service takes text there'],
    ['flag', 'string', 'column "flag" holds flags, and the service takes text there'],
    ['group', 'float32', 'column "group" holds groups of values, and the service takes numbers (float32) there', 2],
    ['map', 'string', 'column "map" holds groups of values, and the service takes text there', 2],
    ['list', 'bool', 'column "list" holds lists, and the service takes flags there', 2],
    ['groups', 'int64', 'column "groups" holds lists, and the service takes numbers (int64) there', 2],
  ])('refuses a file whose column %s cannot fill an input of %s', async ([column, dtype, message, width = 1]) => {
    const inputs: TensorInfo[] = [{ name: 'x', dtype, shape: ['n', width] }]
    const names = width === 1 ? [column] : [column, dtype === 'string' ? 'text' : 'u8']
    const { fault, chunks } = await plan(fixture('types'), { ...tried, inputs, names })
    assert.deepEqual([fault?.code, chunks.length], ['INPUT_COLUMNS_UNFIT', 0])
    assert.ok(
      fault?.message.startsWith(`the columns of the input do not fit the service: ${message}; write it`),
      fault?.message,
    )
  })

  it('uses a column of lists as the row', async () => {
    const rows = ['[0,1]', '[1,2]', '[2,3]', '[3,4]', '[4,5]']
    assert.deepEqual(await read(fixture('vectors'), { ...tried, inputs: [float('x', 'n', 2)] }), rows)
  })

  it('reads lists that go on in the next page, from any row on', async () => {
    const row = (i: number) =>
      i === 9 ? '[1,null,2,3]' : `[${Array.from({ length: i % 7 === 4 ? 5 : 4 }, (_, j) => i + j)}]`
    const rows = Array.from({ length: 40 }, (_, i) => (i % 7 === 6 ? 'null' : i % 7 === 5 ? '[]' : row(i)))
    const content = fixture('lists-across-pages')
    const options = { ...tried, inputs: [float('v', 'n', 4)], miniBatchSize: 3 }
    const { chunks } = await plan(content, options)
    const texts = chunks.map(({ content }) => packedText(content as Uint8Array).toString())
    assert.equal(texts.join(''), `${rows.join('\n')}\n`)
    for (const [at, { next }] of chunks.entries())
      assert.deepEqual((await plan(content, options, next)).chunks, chunks.slice(at + 1))
    const sliced: unknown[] = []
    for await (const chunk of planParquet(
      readerOf(content),
      { ...optionsFor(content, options), sliceBytes: 100 },
      planStart,
    ))
      sliced.push(chunk)
    assert.deepEqual(sliced, chunks)
  })

  it('nests flat lists as the input is nested, also beside others and in records', async () => {
    const x = float('v', 'n', 1, 2)
    assert.deepEqual((await read(fixture('vectors'), { ...tried, inputs: [x] }))[1], '[[1,2]]')
    const [, second] = await read(fixture('vectors'), { ...tried, inputs: [x], include: ['v'] })
    assert.equal(second, '[[1,2]]')
  })

  it('names what is encrypted', async () => {
    const footer = Buffer.from(fixture('iris-none'))
    footer.write('PARE', footer.length - 4)
    const { fault } = await plan(footer, tried)
    assert.deepEqual(
      [fault?.code, fault?.message],
      ['INPUT_NOT_PARQUET', 'the Parquet file is encrypted; write it without encryption'],
    )
  })

  it('plans no chunk for a file without rows', async () => {
    assert.deepEqual(await plan(fixture('empty'), tried), { chunks: [], fault: undefined })
  })

  it('makes an error row of a row that is too large', async () => {
    const rows = await read(fixture('types'), { ...tried, maxRowBytes: 500 })
    assert.deepEqual(
      rows.map(row => row.slice(0, 4)),
      ['ROW_', '{"fl', '{"fl'],
    )
  })

  it('refuses files that are not Parquet, truncated or damaged', async () => {
    const whole = fixture('iris-none')
    const damaged = Buffer.from(whole)
    damaged.fill(0xee, 4, 600)
    const footer = Buffer.from(whole)
    footer.writeUInt32LE(0xfffffff0, whole.length - 8)
    for (const bytes of [Buffer.from(''), Buffer.from('a,b\n1,2\n'), whole.subarray(0, -100), damaged, footer]) {
      const { fault } = await plan(bytes, tried)
      assert.equal(fault?.code, 'INPUT_NOT_PARQUET')
    }
    const { fault } = await plan(whole, { ...tried, maxInputBytes: 300 })
    assert.equal(fault?.code, 'INPUT_TOO_LARGE')
  })

  it('rethrows read failures', async () => {
    const reset = new Error('connection reset')
    // biome-ignore lint/correctness/useYield: it has nothing to give
    const broken = async function* () {
      throw reset
    }
    const options = optionsFor(fixture('types'), tried)
    await assert.rejects(planChunks(broken, options, planStart).next(), reset)
  })

  it('keeps NaN and infinities of columns that are only copied to the output', async () => {
    const inputs = [{ name: 'x', dtype: 'float32', shape: ['n', 1] }] as const
    const options: Tried = { format: 'parquet', inputs, names: ['f16'], include: ['f32', 'f64'] }
    const [chunk] = (await plan(fixture('types'), options)).chunks
    assert.ok(chunk?.content)
    // test/fixtures/parquet/write.py
    const rows = [
      '{"f16":1.5,"f32":0.5,"f64":0.1}',
      '{"f16":null,"f32":null,"f64":null}',
      '{"f16":-0,"f32":NaN,"f64":-Infinity}',
    ]
    const packed = PackedColumns.open(chunk.content)
    assert.equal(packedText(chunk.content).toString(), `${rows.join('\n')}\n`)
    const input = { place: { blob: 'input/a' }, etag: '', bytes: 1, format: 'parquet', isGzip: false } as const
    const output = { blob: 'output/a', format: 'parquet', include: ['f32', 'f64'] } as const
    const table = { ...outputTable({ input, output }, chunk.next), blob: output.blob, isFirst: true }
    const lines = resultLines(
      rows.map(() => ({ prediction: '1' })),
      0,
      table.form,
    )
    const source = { format: 'jsonl', pieces: [], packed, columns: [], maxRowBytes: 1000 } as const
    const { file } = await encodeChunk(lines, table, source)
    const read = await parquetReadObjects({ file: Uint8Array.from(file).buffer })
    assert.deepEqual(
      read.map(({ f32, f64 }) => [f32, f64]),
      [
        [0.5, 0.1],
        [null, null],
        [Number.NaN, Number.NEGATIVE_INFINITY],
      ],
    )
  })
})
