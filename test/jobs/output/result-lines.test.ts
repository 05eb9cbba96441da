import assert from 'node:assert/strict'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { decodeLines, encodeLines, outputHeader } from '../../../src/jobs/output/result-lines.ts'

describe('encodeLines', () => {
  it('copies the text of a prediction, which parsing would change', () => {
    assert.equal(
      encodeLines('jsonl', 41, [{ prediction: '[1.50, 12345678901234567890]' }, { prediction: '"é\\u00e9"' }]),
      '{"index": 41, "prediction": [1.50, 12345678901234567890]}\n{"index": 42, "prediction": "é\\u00e9"}\n',
    )
  })

  it('keeps every row on one line', () => {
    const lines = encodeLines('jsonl', 0, [
      { prediction: '{\r\n  "a":\n1}' },
      { code: 'ENTRY_SCRIPT_FAILED', message: 'said "no",\nand left' },
    ])
    assert.deepEqual(
      lines
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line) as unknown),
      [
        { index: 0, prediction: { a: 1 } },
        { index: 1, error: { code: 'ENTRY_SCRIPT_FAILED', message: 'said "no",\nand left' } },
      ],
    )
  })

  it('writes CSV that another parser reads back', () => {
    const results = [
      { prediction: '0.10' },
      { prediction: '[1, 2]' },
      { prediction: '"a \\"b\\", c\\nd"' },
      { prediction: '" x "' },
      { prediction: '{"a":\n"b"}' },
      { prediction: 'null' },
      { code: 'ROW_NOT_JSON', message: 'line "1",\n2' },
    ]
    const text = outputHeader({ format: 'csv', include: [] }) + encodeLines('csv', 7, results)
    assert.deepEqual(parse(text), [
      ['index', 'prediction', 'error_code', 'error_message'],
      ['7', '0.10', '', ''],
      ['8', '[1, 2]', '', ''],
      ['9', 'a "b", c\nd', '', ''],
      ['10', ' x ', '', ''],
      ['11', '{"a": "b"}', '', ''],
      ['12', 'null', '', ''],
      ['13', '', 'ROW_NOT_JSON', 'line "1",\n2'],
    ])
  })
})

describe('decodeLines', () => {
  const text = fc.oneof(fc.string(), fc.constantFrom('', ' a', '"', 'a\nb', 'a,b', '\r', '41,,X,y\n'))
  const prediction = fc.oneof(
    fc.json(),
    text.map(each => JSON.stringify(each)),
    fc.constantFrom('[1.5, 2.0]', 'NaN'),
  )
  const result = fc.oneof(
    fc.record({ prediction }),
    fc.record({ code: fc.constantFrom('ROW_RAGGED', 'MODEL_RUN_FAILED'), message: text }),
  )

  it.each(['jsonl', 'csv'] as const)('gives results back of which %s has the same lines', format => {
    fc.assert(
      fc.property(fc.array(result), results => {
        const lines = encodeLines(format, 7, results)
        const decoded = decodeLines(format, lines)
        assert.equal(decoded.length, results.length)
        assert.equal(encodeLines(format, 7, decoded), lines)
      }),
    )
  })
})
