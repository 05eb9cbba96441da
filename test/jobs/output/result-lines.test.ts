import assert from 'node:assert/strict'
import { parse } from 'csv-parse/sync'
import { describe, it } from 'vitest'
import { csvHeader, encodeLines } from '../../../src/jobs/output/result-lines.ts'

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
    const text = csvHeader + encodeLines('csv', 7, results)
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
