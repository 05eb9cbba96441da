import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { TextCutter, type TextPiece } from '../../../src/jobs/score/text-cutter.ts'

const rowsOf = {
  csv: fc.constantFrom('1,2', '"a\nb",3', '"",""', 'é,"x""y"'),
  jsonl: fc.constantFrom('[1, 2]', '{"a": "]"}', '5'),
  json: fc.constantFrom('[1, 2]', '{"a": ",]"}', '5'),
}
const separators = { csv: ['\n', '\r\n', '\n\r\n'], jsonl: ['\n', '\n \n'], json: [',', ' , ', '\n,\n\n'] }

describe('TextCutter', () => {
  it.each(['csv', 'jsonl', 'json'] as const)('divides %s between its rows, so that none is lost', format => {
    const cut = fc.record({
      rows: fc.array(rowsOf[format], { minLength: 1, maxLength: 20 }),
      separator: fc.constantFrom(...separators[format]),
      sizes: fc.array(fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 60 })), { minLength: 1 }),
      isClosed: fc.boolean(),
    })
    fc.assert(
      fc.property(cut, ({ rows, separator, sizes, isClosed }) => {
        const text = Buffer.from(rows.join(separator) + (isClosed && format !== 'json' ? '\n' : ''))
        const cutter = new TextCutter(text, rows.length, { format })
        const pieces: TextPiece[] = []
        for (let turn = 0; ; turn++) {
          const [maxRows, maxBytes] = sizes[turn % sizes.length] as [number, number]
          const piece = cutter.take(maxRows, maxBytes)
          if (!piece) break
          assert.equal(
            piece.from,
            pieces.reduce((sum, { rowCount }) => sum + rowCount, 0),
          )
          assert.ok(piece.rowCount >= 1 && piece.rowCount <= maxRows)
          assert.equal(piece.startLine, text.toString('utf8', 0, piece.start).split('\n').length - 1)
          const content = text.toString('utf8', piece.start, piece.end)
          assert.equal(
            content.trim(),
            rows
              .slice(piece.from, piece.from + piece.rowCount)
              .join(separator)
              .trim(),
          )
          pieces.push(piece)
        }
        assert.equal(
          pieces.reduce((sum, { rowCount }) => sum + rowCount, 0),
          rows.length,
        )
      }),
    )
  })

  it('says that rows are missing', () => {
    const cutter = new TextCutter(Buffer.from('1\n2\n'), 5, { format: 'csv' })
    cutter.take(1, 100)
    cutter.take(1, 100)
    assert.throws(() => cutter.take(1, 100), { message: 'the text has fewer than the 5 rows that were planned' })
  })
})
