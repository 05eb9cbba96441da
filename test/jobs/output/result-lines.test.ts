import assert from 'node:assert/strict'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { LineForm } from '../../../src/jobs/line-form.ts'
import { decodeLines, encodeLines, outputHeader, resultLines } from '../../../src/jobs/output/result-lines.ts'

describe('encodeLines', () => {
  it('copies the text of a prediction, which parsing would change', () => {
    assert.equal(
      encodeLines({ format: 'jsonl' }, 41, [
        { prediction: '[1.50, 12345678901234567890]' },
        { prediction: '"é\\u00e9"' },
      ]),
      '{"index": 41, "prediction": [1.50, 12345678901234567890]}\n{"index": 42, "prediction": "é\\u00e9"}\n',
    )
  })

  it('keeps every row on one line', () => {
    const lines = encodeLines({ format: 'jsonl' }, 0, [
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
    const text = outputHeader({ form: { format: 'csv' }, include: [] }) + encodeLines({ format: 'csv' }, 7, results)
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

describe('resultLines', () => {
  const form: LineForm = {
    format: 'csv',
    parts: [
      { member: 'label', columns: ['label'] },
      { member: 'probabilities', columns: ['probabilities_0', 'probabilities_1'] },
      { member: 'note', columns: ['note'], isWhole: true },
    ],
  }
  const written = (prediction: string) => {
    const { lines, failed } = resultLines([{ prediction }], 7, form)
    return [Buffer.concat(lines).toString(), failed]
  }

  it('writes a cell for each value', () => {
    assert.equal(
      outputHeader({ form, include: ['id'] }),
      'index,id,label,probabilities_0,probabilities_1,note,error_code,error_message\n',
    )
    assert.deepEqual(written('{"probabilities": [0.10, NaN], "label": ["a,b"], "note": {"x": [1]}, "other": 1}'), [
      '7,"a,b",0.10,NaN,"{""x"": [1]}",,\n',
      0,
    ])
    assert.deepEqual(written('{"probabilities": {"b": 1, "a": 2}, "label": 12345678901234567890}'), [
      '7,12345678901234567890,1,2,,,\n',
      0,
    ])
  })

  it('makes an error row of a prediction of another form', () => {
    for (const prediction of ['{"label": 1, "probabilities": [1]}', '[1, 2, 3]', '{"probabilities": [1, 2]}', '"text"'])
      assert.match(String(written(prediction)), /^7,,,,,OUTPUT_NOT_SERIALISABLE,.*,1$/s, prediction)
  })

  it('keeps members of an object in JSON Lines', () => {
    const { lines } = resultLines([{ prediction: '{"b": 1.0, "a": [2]}' }, { prediction: '[3]' }], 7, {
      format: 'jsonl',
      members: ['a', 'c'],
    })
    assert.equal(
      Buffer.concat(lines).toString(),
      '{"index": 7, "prediction": {"a": [2]}}\n{"index": 8, "prediction": [3]}\n',
    )
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

  it.each<LineForm>([
    {
      format: 'csv',
      parts: [
        { member: 'a', columns: ['a_0', 'a_1'] },
        { member: 'b', columns: ['b'], isWhole: true },
      ],
    },
    { format: 'csv', parts: [{ columns: ['x', 'y'] }] },
    { format: 'jsonl', members: ['b'] },
  ])('gives results back of which chosen columns have the same lines: %j', form => {
    const leaf = fc.oneof(
      fc.double().map(String),
      text.map(each => JSON.stringify(each)),
    )
    const pair = fc.tuple(leaf, leaf)
    const fitting = fc
      .tuple(pair, prediction)
      .map(([values, other]) =>
        form.parts?.length === 1
          ? `[${values}]`
          : `{"b": ${other}, "c": 1, "a": {"x": ${values[0]}, "y": ${values[1]}}}`,
      )
    const failed = fc.record({ code: fc.constantFrom('ROW_RAGGED'), message: text })
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.record({ prediction: fitting }), failed)), results => {
        const lines = encodeLines(form, 7, results)
        assert.equal(encodeLines(form, 7, decodeLines(form, lines)), lines)
        if (form.format === 'csv' && results.length > 0) assert.equal(parse(lines).length, results.length)
      }),
    )
  })

  it('reads predictions and names of files that have line separators of Unicode', () => {
    const form: LineForm = { format: 'jsonl', file: 'input/a, "b"\u2028.csv' }
    const results = [{ prediction: '"\u2028"' }, { code: 'ROW_RAGGED', message: '\u2029' }]
    assert.deepEqual(decodeLines(form, encodeLines(form, 0, results)), results)
  })

  it.each(['jsonl', 'csv'] as const)('gives results back of which %s has the same lines', format => {
    fc.assert(
      fc.property(fc.array(result), results => {
        const lines = encodeLines({ format }, 7, results)
        const decoded = decodeLines({ format }, lines)
        assert.equal(decoded.length, results.length)
        assert.equal(encodeLines({ format }, 7, decoded), lines)
      }),
    )
  })
})
