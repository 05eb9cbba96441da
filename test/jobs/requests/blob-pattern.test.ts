import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { isHidden, isPattern, parsePattern } from '../../../src/jobs/requests/blob-pattern.ts'

describe('parsePattern', () => {
  // As globs of bash (globstar) and of Azure Data Factory.
  it.each([
    [
      'input/2026-*/**/*.csv',
      ['2026-11/a.csv', '2026-11/x/y/a.csv'],
      ['2025-11/a.csv', '2026-11/a.csv.gz', '2026-11.csv'],
    ],
    ['input/*.csv', ['a.csv', '.csv'], ['x/a.csv', 'a.csvx', 'A.CSV']],
    ['input/part-?.csv', ['part-1.csv', 'part-ü.csv'], ['part-.csv', 'part-10.csv', 'part-/.csv']],
    ['input/2026/', ['2026/a', '2026/x/y'], ['2026', '2026a/x']],
    ['input/', ['a', 'x/y'], []],
    ['input/**', ['a', 'x/y'], []],
    ['input/**/a+b(1).csv', ['a+b(1).csv', 'x/y/a+b(1).csv'], ['aab1.csv', 'xa+b(1).csv']],
    ['input/a**b*', ['ab', 'axxbx'], ['a/b']],
  ])('%s', (pattern, matching, others) => {
    const { matches, prefix, container } = parsePattern(pattern)
    assert.equal(container, 'input')
    for (const path of matching) assert.ok(matches(path) && path.startsWith(prefix), path)
    for (const path of others) assert.ok(!matches(path), path)
  })

  it('takes no longer for names that nearly match many wildcards', () => {
    const { matches } = parsePattern(`input/${'**/*a*/'.repeat(40)}b`)
    assert.equal(matches('aa/'.repeat(300)), false)
  })

  it('knows the folder that all names are in', () => {
    assert.deepEqual(
      ['input/2026-*/a.csv', 'input/x/y*.csv', 'input/x/'].map(each => parsePattern(each).folder),
      ['', 'x/', 'x/'],
    )
  })
})

describe('isPattern', () => {
  it.each([
    ['input/a.csv', false],
    ['input/*.csv', true],
    ['input/x/', true],
    ['input/[1].csv', false],
  ])('%s: %s', (blob, expected) => assert.equal(isPattern(blob), expected))
})

describe('isHidden', () => {
  it.each([
    ['x/_SUCCESS', '', true],
    ['_temporary/0/a.csv', '', true],
    ['x/.part.crc', 'x/', true],
    ['x/a_b.csv', '', false],
    ['_drop/a.csv', '_drop/', false],
    ['_drop/_a.csv', '_drop/', true],
  ])('%s below "%s": %s', (path, folder, expected) => assert.equal(isHidden(path, { folder }), expected))
})
