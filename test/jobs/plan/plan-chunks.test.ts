import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { planChunks } from '../../../src/jobs/plan/plan-chunks.ts'
import { planFiles } from '../../../src/jobs/plan/plan-files.ts'
import { planStart } from '../../../src/jobs/plan-parts.ts'
import { type Bytes, bytesOf, cuts, optionsFor, plan, read, readerOf, rowsOf, type Tried } from '../inputs.ts'

const sizes = (chunks: readonly { rowCount: number }[]) => chunks.map(({ rowCount }) => rowCount)
const texts = (content: Bytes, chunks: readonly { start: number; end: number }[]) =>
  chunks.map(({ start, end }) => bytesOf(content).subarray(start, end).toString())

describe('planChunks', () => {
  it('ends a chunk after miniBatchSize rows', async () => {
    const { chunks } = await plan('1\n2\n3\n4\n5', { format: 'jsonl', miniBatchSize: 2 })
    assert.deepEqual(
      chunks.map(({ next: _, ...chunk }) => chunk),
      [
        { chunk: 0, firstRow: 0, rowCount: 2, start: 0, end: 3, line: 1 },
        { chunk: 1, firstRow: 2, rowCount: 2, start: 4, end: 7, line: 3 },
        { chunk: 2, firstRow: 4, rowCount: 1, start: 8, end: 9, line: 5 },
      ],
    )
  })

  it('ends a chunk with the row that exceeds maxChunkBytes', async () => {
    const { chunks } = await plan('[1]\n[22222222]\n[3]\n[4]', { format: 'jsonl', maxChunkBytes: 7 })
    assert.deepEqual(sizes(chunks), [2, 2])
  })

  it('reads non-blank lines as rows, with any line end', async () => {
    const content = '\ufeff\r\n{"a":1}\r\n\n \t \r\n 2 \n\n3'
    assert.deepEqual(await read(content, { format: 'jsonl' }), ['{"a":1}', '2', '3'])
  })

  it('reads an input once, although the names of its values are needed before its rows', async () => {
    const csv = `age,bmi\n${'1,2\n'.repeat(1000)}`
    for (const [content, format, isGzip] of [
      [csv, 'csv', false],
      [gzipSync(csv), 'csv', true],
      ['{"a": 1}\n'.repeat(1000), 'jsonl', false],
      [`[${'1,'.repeat(1000)}1]`, 'json', false],
    ] as const) {
      const tried = { format, isGzip, sizes: [10, 300] }
      let reads = 0
      let open = 0
      const reader = async function* (...range: Parameters<ReturnType<typeof readerOf>>) {
        reads++
        open++
        try {
          yield* readerOf(content, tried.sizes)(...range)
        } finally {
          open--
        }
      }
      let rowCount = 0
      for await (const chunk of planChunks(reader, optionsFor(content, tried), planStart)) rowCount += chunk.rowCount
      assert.deepEqual([reads, open], [1, 0], format)
      assert.ok(rowCount >= 1000)
      for await (const _ of planChunks(reader, optionsFor(content, tried), planStart)) break
      assert.deepEqual([reads, open], [2, 0], `${format}, not read to its end`)
    }
  })

  it('reads the elements of a JSON array as rows', async () => {
    const content = '\ufeff \n[ 1 ,[2, [3]],\r\n{"a":"]},[\\"\\\\"},"x,y" ,\tnull]\n '
    assert.deepEqual(await read(content, { format: 'json', sizes: [1] }), [
      '1',
      '[2, [3]]',
      '{"a":"]},[\\"\\\\"}',
      '"x,y"',
      'null',
    ])
    assert.deepEqual(await read(' [ ] ', { format: 'json' }), [])
  })

  it('reads records of a CSV as rows, and its header as names', async () => {
    const content = '\ufeff\r\na,"b ""c"""\r\n1,"x\r\ny"\r\n\r\n2,z'
    const { chunks } = await plan(content, { format: 'csv', miniBatchSize: 1 })
    assert.deepEqual(texts(content, chunks), ['1,"x\r\ny"\r', '2,z'])
    assert.deepEqual(chunks[0]?.next.columns, ['a', 'b "c"'])
  })

  it('plans no chunk for an empty input', async () => {
    const empty: [string, Tried][] = [
      ['', { format: 'jsonl' }],
      ['\n\r\n \n', { format: 'jsonl' }],
      ['', { format: 'csv' }],
      ['a,b', { format: 'csv' }],
      ['a,b\r\n\r\n', { format: 'csv' }],
    ]
    for (const [content, tried] of empty) {
      assert.deepEqual(await plan(content, tried), { chunks: [], fault: undefined }, JSON.stringify(content))
      assert.deepEqual((await plan(gzipSync(content), { ...tried, isGzip: true })).chunks, [])
    }
  })

  it('names the columns of files that all have no rows', async () => {
    const files = ['a,b\n', 'c\n'].map(text => ({ name: 'x', bytes: text.length, read: readerOf(text) }))
    const end = await planFiles(files, optionsFor('', { format: 'csv' }), planStart).next()
    assert.deepEqual(end.done && end.value.columns, ['a', 'b'])
  })

  it('yields the rows before a fault, then the fault with its offset', async () => {
    const faults: [string, Tried['format'], number[], string, RegExp][] = [
      ['', 'json', [], 'INPUT_NOT_JSON_ARRAY', /empty/],
      [' {"a":1}', 'json', [], 'INPUT_NOT_JSON_ARRAY', /"\[" at byte 1$/],
      ['[1,2', 'json', [1], 'INPUT_TRUNCATED', /at byte 4$/],
      ['[1,2,', 'json', [2], 'INPUT_TRUNCATED', /at byte 5$/],
      ['[1,2,]', 'json', [2], 'INPUT_NOT_JSON_ARRAY', /before byte 5/],
      ['[1,,2]', 'json', [1], 'INPUT_NOT_JSON_ARRAY', /before byte 3/],
      ['[1}', 'json', [1], 'INPUT_NOT_JSON_ARRAY', /at byte 2/],
      ['[1] [2]', 'json', [1], 'INPUT_NOT_JSON_ARRAY', /goes on at byte 4/],
      ['a\n1\n"2\n3', 'csv', [1], 'INPUT_NOT_CSV', /byte 4$/],
      ['"a\n1\n2\n3', 'csv', [], 'INPUT_NOT_CSV', /byte 0$/],
      ['a,b\r1,2\r3,4', 'csv', [], 'INPUT_NOT_CSV', /LF or CRLF/],
      ['"a"b\n1', 'csv', [], 'INPUT_NOT_CSV', /closing quote/],
    ]
    for (const [content, format, rows, code, message] of faults) {
      const { chunks, fault } = await plan(content, { format, sizes: [1] })
      assert.deepEqual(sizes(chunks), rows, content)
      assert.equal(fault?.code, code, content)
      assert.match(fault?.message ?? '', message)
    }
  })

  it('decodes UTF-16 by its byte order mark, wherever it is divided', async () => {
    const rows = Array.from({ length: 9 }, (_, row) => `{"id":"Zoë 😀 ${row}","n":${row}}`)
    const csv = `\ufeffid,n\r\n${rows.map((_, row) => `Zoë 😀 ${row},${row}`).join('\r\n')}`
    const lines = `\ufeff${rows.join('\n')}\n`
    for (const [text, format] of [
      [csv, 'csv'],
      [lines, 'jsonl'],
    ] as const) {
      for (const isBigEndian of [false, true]) {
        const utf16 = Buffer.from(text, 'utf16le')
        if (isBigEndian) utf16.swap16()
        for (const content of [utf16, gzipSync(utf16)]) {
          const tried = { format, isGzip: content !== utf16, sizes: [1, 7, 2] }
          assert.deepEqual(await read(content, tried), rows)
          const { chunks } = await plan(content, tried)
          assert.equal(chunks.length, 3)
          assert.deepEqual((await plan(content, tried, chunks[0]?.next)).chunks, chunks.slice(1))
        }
      }
    }
    const cut = Buffer.from('\ufeff1\n2\n3', 'utf16le').subarray(0, -1)
    const { chunks, fault } = await plan(cut, { format: 'jsonl', miniBatchSize: 1 })
    assert.equal(fault?.code, 'INPUT_NOT_UTF8')
    assert.match(fault?.message ?? '', /begins as UTF-16, but is none after 4 bytes/)
    assert.deepEqual(sizes(chunks), [1, 1])
  })

  it('names text of other encodings', async () => {
    const utf32 = Buffer.from([0xff, 0xfe, 0, 0, 0x31, 0, 0, 0])
    for (const [content, message] of [
      [utf32, /is UTF-32; save it as UTF-8$/],
      [Buffer.from(utf32).swap32(), /is UTF-32; save it as UTF-8$/],
      [Buffer.from('a,b\n', 'utf16le'), /is UTF-16 without a mark; save it as UTF-8$/],
      [Buffer.from('a,b\n', 'utf16le').swap16(), /is UTF-16 without a mark; save it as UTF-8$/],
    ] as const) {
      const { fault } = await plan(content, { format: 'csv', sizes: [1] })
      assert.equal(fault?.code, 'INPUT_NOT_UTF8')
      assert.match(fault?.message ?? '', message)
    }
  })

  it('recognises other files that are declared as text', async () => {
    const cases: [Buffer, RegExp][] = [
      [await readFile('test/fixtures/parquet/empty.parquet'), /is a Parquet file; .*\.parquet/],
      [gzipSync('1\n2\n'), /is gzip; .*\.gz/],
      [Buffer.from('PK\x03\x04 the rest of a workbook\n'), /zip archive or an Excel workbook/],
    ]
    for (const [content, message] of cases) {
      for (const format of ['jsonl', 'csv', 'json'] as const) {
        const { chunks, fault } = await plan(content, { format, sizes: [1] })
        assert.deepEqual([chunks, fault?.code], [[], 'INPUT_NOT_UTF8'])
        assert.match(fault?.message ?? '', message)
      }
    }
    for (const header of ['PK,a', 'PAR1,a'])
      assert.equal((await plan(`${header}\n1,2`, { format: 'csv' })).chunks.length, 1)
  })

  it('checks the columns of a CSV before it plans a chunk', async () => {
    const inputs = [
      { name: 'age', dtype: 'float32', shape: ['n', 1] },
      { name: 'sex', dtype: 'int64', shape: ['n'] },
    ] as const
    const { chunks, fault } = await plan('age,bmi\n1,2', { format: 'csv', inputs })
    assert.deepEqual(chunks, [])
    assert.equal(fault?.code, 'INPUT_COLUMNS_UNFIT')
    assert.match(fault?.message ?? '', /no column is named "sex"/)
  })

  it('rethrows read failures, and yields no truncated chunk', async () => {
    const { planChunks, maxRowBytes } = await import('../../../src/jobs/plan/plan-chunks.ts')
    const reset = new Error('connection reset')
    for (const isGzip of [false, true]) {
      const broken = async function* () {
        yield isGzip ? gzipSync('1\n2\n3\n').subarray(0, 20) : Buffer.from('1\n2\n')
        throw reset
      }
      const chunks = planChunks(
        broken,
        {
          format: 'jsonl',
          isGzip,
          bytes: 99,
          inputs: undefined,
          miniBatchSize: 9,
          maxInputBytes: 2 ** 30,
          maxRowBytes,
          maxChunkBytes: 8 * 2 ** 20,
        },
        { chunk: 0, row: 0, offset: 0 },
      )
      await assert.rejects(chunks.next(), reset)
    }
  })
})

const blank = fc.constantFrom('', ' ', '\t', '\r', ' \r')
const line = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 2 }).map(value => JSON.stringify(value)) },
  blank,
  fc.constantFrom(
    '1],[2',
    'NaN',
    '{"__proto__":1}',
    '1152921504606846977',
    '"é😀"',
    ' [1, 2] ',
    '\u00a0',
    '\ufeff1',
    '{',
  ),
  fc.string({ maxLength: 8 }).filter(text => !text.includes('\n')),
)
const jsonLines = fc
  .record({ lines: fc.array(line, { maxLength: 12 }), ends: fc.boolean(), bom: fc.boolean() })
  // As the first character of all it would be the file's byte order mark, which is no part of a row.
  .filter(({ lines, bom }) => bom || !lines[0]?.startsWith('\ufeff'))
  .map(({ lines, ends, bom }) => ({
    content: (bom ? '\ufeff' : '') + lines.join('\n') + (ends ? '\n' : ''),
    rows: lines.filter(text => !/^[ \t\r]*$/.test(text)).map(expectedJson),
    format: 'jsonl' as const,
  }))

const gap = fc.constantFrom('', ' ', '\n', '\r\n\t ')
const jsonArray = fc
  .array(fc.tuple(fc.jsonValue({ maxDepth: 3 }), gap, gap, fc.boolean()), { maxLength: 10 })
  .map(elements => ({
    content: `[${elements.map(([value, before, after, isPretty]) => before + JSON.stringify(value, null, isPretty ? 1 : 0) + after).join(',')}] `,
    rows: elements.map(([value, , , isPretty]) => JSON.stringify(value, null, isPretty ? 1 : 0)),
    format: 'json' as const,
  }))

const cell = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r\n', ' ', 'é', '😀'), maxLength: 5 }),
  fc.constantFrom('', '0', 'x'),
)
const csv = fc
  .record({
    records: fc.array(fc.array(fc.tuple(cell, fc.boolean()), { minLength: 2, maxLength: 2 }), { maxLength: 8 }),
    end: fc.constantFrom('\n', '\r\n', '\n\n', '\r\n\r\n'),
    ends: fc.boolean(),
  })
  .map(({ records, end, ends }) => ({
    content: ['left,right', ...records.map(cells => cells.map(quotedAsNeeded).join(','))].join(end) + (ends ? end : ''),
    rows: records.map(cells => JSON.stringify(cells.map(([text]) => text))),
    format: 'csv' as const,
    inputs: [{ name: 'x', dtype: 'string', shape: ['n', 'm'] }] as const,
  }))

function expectedJson(text: string): string {
  const trimmed = text.replace(/^[ \t\r]+|[ \t\r]+$/g, '')
  if (trimmed === 'NaN') return trimmed // Python writes and reads it
  try {
    JSON.parse(trimmed)
    return trimmed
  } catch {
    return 'ROW_NOT_JSON'
  }
}

/** RFC 4180, section 2. */
function quotedAsNeeded([text, isQuoted]: [string, boolean]): string {
  return isQuoted || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

describe('planChunks and readRows, for generated inputs', () => {
  const limits = fc.record({
    miniBatchSize: fc.integer({ min: 1, max: 5 }),
    maxChunkBytes: fc.integer({ min: 1, max: 60 }),
  })

  const documents = Object.entries({ 'JSON Lines': jsonLines, 'a JSON array': jsonArray, CSV: csv })

  it.each(documents)(
    'yields each row of %s in order in one chunk, wherever its pieces are divided',
    async (_, inputs) => {
      await fc.assert(
        fc.asyncProperty(inputs, limits, cuts, cuts, async ({ content, rows, ...tried }, limit, some, others) => {
          const options: Tried = { ...tried, ...limit, sizes: some }
          const { chunks, fault } = await plan(content, options)
          assert.ifError(fault)
          assert.deepEqual(await plan(content, { ...options, sizes: others }), { chunks, fault })
          const found = await rowsOf(content, { ...options, sizes: others }, chunks)
          assert.deepEqual(
            found.map(row => ('json' in row ? row.json : row.code)),
            rows,
          )
          assert.deepEqual(
            chunks.map(({ firstRow }) => firstRow),
            chunks.map((_, at) => sum(sizes(chunks.slice(0, at)))),
          )
          assert.ok(chunks.every(({ rowCount }) => rowCount >= 1 && rowCount <= limit.miniBatchSize))
        }),
        { numRuns: 60 },
      )
    },
  )

  it.each(documents)('continues %s after any chunk with the same plan, also when it is gzipped', async (_, inputs) => {
    await fc.assert(
      fc.asyncProperty(inputs, limits, cuts, async ({ content, rows, ...tried }, limit, some) => {
        const isGzip = true
        for (const [bytes, options] of [
          [content, { ...tried, ...limit, sizes: some }],
          [gzipSync(content), { ...tried, ...limit, isGzip, sizes: some }],
        ] as [Bytes, Tried][]) {
          const { chunks } = await plan(bytes, options)
          for (const [at, { next }] of chunks.entries()) {
            assert.deepEqual(await plan(bytes, options, next), { chunks: chunks.slice(at + 1), fault: undefined })
          }
          const found = await rowsOf(bytes, options, chunks)
          assert.deepEqual(
            found.map(row => ('json' in row ? row.json : row.code)),
            rows,
          )
        }
      }),
      { numRuns: 20 },
    )
  })
})

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)
