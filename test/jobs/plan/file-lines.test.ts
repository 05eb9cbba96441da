import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { NextChunk } from '../../../src/jobs/plan/chunk-builder.ts'
import { planFiles } from '../../../src/jobs/plan/plan-files.ts'
import { type PlanCursor, planStart } from '../../../src/jobs/plan-parts.ts'
import { type Bytes, cuts, optionsFor, plan, readerOf, rowsOf, type Tried } from '../inputs.ts'

/** A text, and the line that each of its rows begins in, as an editor shows it. */
interface Document extends Pick<Tried, 'format' | 'header' | 'inputs'> {
  readonly text: string
  readonly lines: readonly number[]
}

/** Joins the parts of a text; rows are in lists of their own. */
function documentOf(parts: readonly (string | readonly [string])[]): Pick<Document, 'text' | 'lines'> {
  let text = ''
  const lines: number[] = []
  for (const part of parts) {
    if (typeof part !== 'string') lines.push(text.split('\n').length)
    text += typeof part === 'string' ? part : part[0]
  }
  return { text, lines }
}

const row = (text: string) => [text] as const
const newline = fc.constantFrom('\n', '\r\n')
const emptyLines = fc.array(newline, { maxLength: 3 }).map(ends => ends.join(''))
const gap = fc.tuple(newline, emptyLines).map(([end, more]) => end + more)

const csvRow = fc.constantFrom(
  '1,2',
  'x,2',
  '"a\nb",3',
  '"a\r\n\r\n""b","\n"',
  'é,"x""y"',
  '1,2,3',
  '"a"b,1',
  '\u{1f600},',
)
const csv = fc
  .record({
    before: emptyLines,
    header: fc.constantFrom('left,right', '"left\nside",right', undefined),
    rows: fc.array(fc.tuple(csvRow, gap), { minLength: 1, maxLength: 9 }),
    isClosed: fc.boolean(),
  })
  // Without a header, the first row tells the number of columns.
  .filter(({ header, rows: [first] }) => header !== undefined || first?.[0] !== '"a"b,1')
  .map(({ before, header, rows, isClosed }): Document => {
    const parts = rows.flatMap(([text, end], at) => [row(text), at + 1 === rows.length && !isClosed ? '' : end])
    const inputs = [{ name: 'x', dtype: 'float32', shape: ['n', 'm'] }] as const
    const head = header === undefined ? [] : [header, '\n']
    return { ...documentOf([before, ...head, ...parts]), format: 'csv', header: header !== undefined, inputs }
  })

const jsonLines = fc
  .record({
    before: emptyLines,
    rows: fc.array(
      fc.tuple(fc.constantFrom('[1, 2]', '{', '"]', '{"é": 1}', '5 '), fc.constantFrom('', ' ', '\t'), gap),
      {
        minLength: 1,
        maxLength: 9,
      },
    ),
  })
  .map(({ before, rows }): Document => {
    const parts = rows.flatMap(([text, space, end]) => [space, row(text), end, space, '\n'])
    return { ...documentOf([before, ...parts]), format: 'jsonl' }
  })

const element = fc.constantFrom('1', '[1,\n2]', '{"a":\r\n"]"\n}', '"a\nb"', '"\\\n"', 'x', '{"conn_str":\n"\\u0041"}')
const jsonArray = fc
  .record({
    before: emptyLines,
    rows: fc.array(fc.tuple(element, emptyLines, emptyLines), { minLength: 1, maxLength: 9 }),
  })
  .map(({ before, rows }): Document => {
    const parts = rows.flatMap(([text, one, other], at) => [at === 0 ? '' : ',', one, row(text), other])
    return { ...documentOf([before, '[', ...parts, ']\n']), format: 'json' }
  })

const encodings: Readonly<Record<string, (text: string) => { content: Bytes; isGzip?: boolean }>> = {
  'UTF-8': text => ({ content: text }),
  'UTF-8 with a mark': text => ({ content: `\ufeff${text}` }),
  'UTF-16': text => ({ content: Buffer.from(`\ufeff${text}`, 'utf16le') }),
  gzip: text => ({ content: gzipSync(text), isGzip: true }),
  'gzip of UTF-16': text => ({ content: gzipSync(Buffer.from(`\ufeff${text}`, 'utf16le')), isGzip: true }),
}

describe('lines of rows', () => {
  const limits = fc.record({
    miniBatchSize: fc.integer({ min: 1, max: 5 }),
    maxChunkBytes: fc.integer({ min: 1, max: 60 }),
    maxRowBytes: fc.constantFrom(4, 1000),
    takesEncrypted: fc.boolean(),
  })

  it.each(Object.entries({ CSV: csv, 'JSON Lines': jsonLines, 'a JSON array': jsonArray }))(
    'are those that an editor shows for %s, in any encoding, wherever chunks end and planning goes on',
    async (_, documents) => {
      await fc.assert(
        fc.asyncProperty(
          documents,
          fc.constantFrom(...Object.values(encodings)),
          limits,
          cuts,
          async ({ text, lines, ...tried }, encode, limit, sizes) => {
            const { content, ...stored } = encode(text)
            const options: Tried = { ...tried, ...stored, ...limit, sizes }
            const { chunks, fault } = await plan(content, options)
            assert.ifError(fault)
            const found = await rowsOf(content, options, chunks)
            assert.deepEqual(
              found.map(({ line }) => line),
              lines,
            )
            for (const [at, { next }] of chunks.entries())
              assert.deepEqual((await plan(content, options, next)).chunks, chunks.slice(at + 1))
          },
        ),
        { numRuns: 150 },
      )
    },
  )

  it('are right behind more empty lines than a chunk keeps', async () => {
    const text = `1\n\n2${'\n'.repeat(200_000)}3${'\n'.repeat(60_000)}4${'\n'.repeat(100_000)}5`
    const options: Tried = { format: 'jsonl', isGzip: true, miniBatchSize: 10 }
    const { chunks } = await plan(gzipSync(text), options)
    assert.deepEqual(
      (await rowsOf(gzipSync(text), options, chunks)).map(({ line }) => line),
      [1, 3, 200_003, 260_003, 360_003],
    )
    assert.ok(chunks.every(({ content }) => (content?.length ?? 0) < 70_000))
  })

  it('are not told when an earlier build planned the chunks before', async () => {
    const options: Tried = { format: 'csv', miniBatchSize: 1 }
    const { chunks } = await plan('a\n1\n2\n3', options)
    const { line: _, ...begin } = { ...planStart, ...chunks[0]?.next }
    const others = await plan('a\n1\n2\n3', options, begin)
    assert.deepEqual(
      others.chunks.map(({ rowCount, line, next }) => [rowCount, line, next.line]),
      [
        [1, undefined, undefined],
        [1, undefined, undefined],
      ],
    )
    assert.deepEqual(
      (await rowsOf('a\n1\n2\n3', options, others.chunks)).map(({ line }) => line),
      [undefined, undefined],
    )
  })

  it('begin anew with each file', async () => {
    const contents = ['a\n\n1\n2\n', '\n"a"\n\n3\r\n\r\n4']
    const files = contents.map(content => ({ name: 'x', bytes: content.length, read: readerOf(content) }))
    const options = optionsFor('', { format: 'csv', miniBatchSize: 1 })
    const chunksFrom = async (cursor: PlanCursor) => {
      const chunks: NextChunk[] = []
      for await (const chunk of planFiles(files, options, cursor)) chunks.push(chunk)
      return chunks
    }
    const chunks = await chunksFrom(planStart)
    assert.deepEqual(
      chunks.map(({ file, line }) => [file?.index, line]),
      [
        [0, 3],
        [0, 4],
        [1, 4],
        [1, 6],
      ],
    )
    for (const [at, { next }] of chunks.entries()) assert.deepEqual(await chunksFrom(next), chunks.slice(at + 1))
  })
})
