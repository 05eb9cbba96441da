import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { formatAnswer, formatResults } from '../../../src/cli/score/answer-table.ts'

const terminal = { width: 80, paint: (_style: unknown, text: string) => text }

describe('formatAnswer', () => {
  const answers: [what: string, json: string, table: string[] | undefined][] = [
    ['a list of numbers', '[217.67978776218715, 1.5]', ['row  answer', '  0  217.68', '  1     1.5']],
    [
      'outputs by name, with probabilities by class',
      '{"label": ["no", "yes"], "p": [{"no": 0.9, "yes": 0.1}, {"no": 0.25, "yes": 0.75}]}',
      ['row  label    no   yes', '  0  no      0.9   0.1', '  1  yes    0.25  0.75'],
    ],
    [
      'classes that are numbers, by their whole path',
      '{"p": [{"0": 0.9, "1": 0.1}]}',
      ['row  p.0  p.1', '  0  0.9  0.1'],
    ],
    ['missing numbers among numbers', '[1.25, null]', ['row  answer', '  0    1.25', '  1    null']],
    ['short lists as columns', '{"p": [[0.9, 0.1]]}', ['row  p[0]  p[1]', '  0   0.9   0.1']],
    ['long lists in short', '[[1, 2, 3, 4, 5, 6, 7, 8, 9]]', ['row  answer', '  0  [1, 2, 3, …] (9 values)']],
    ['texts without quotes', '["good \\"food\\"", "bad"]', ['row  answer', '  0  good "food"', '  1  bad']],
    ['no control characters', '["red \\u001b[31m\\r\\nand \\u009b2J"]', ['row  answer', '  0  red [31m and 2J']],
    ['whole numbers with all digits', '[9007199254740993]', ['row            answer', '  0  9007199254740993']],
    ['no table of a single value', '"text"', undefined],
    ['no table of members of unequal length', '{"a": [1, 2], "b": [1]}', undefined],
    ['no table of nothing', '[]', undefined],
  ]
  it.for(answers)('shows %s', ([, json, table]) => {
    assert.deepEqual(formatAnswer(json, terminal)?.split('\n'), table)
  })

  it('fits the terminal', () => {
    const text = 'x'.repeat(100)
    const table = formatAnswer(JSON.stringify({ a: [text], b: [text] }), terminal) ?? ''
    for (const line of table.split('\n')) assert.ok(line.length <= 80, line)
  })
})

describe('formatResults', () => {
  it('marks rows that failed', () => {
    const results = [{ prediction: '{"a": 1, "b": 2}' }, { code: 'ROW_RAGGED', message: 'the row has 1 cell' }]
    assert.deepEqual(formatResults(results, terminal, 20).split('\n'), [
      'row       a  b',
      ' 20       1  2',
      ' 21  failed',
    ])
  })
})
