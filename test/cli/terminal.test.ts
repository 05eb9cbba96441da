import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { cutText, formatList, formatTable, openTerminal, type Terminal, wrapText } from '../../src/cli/terminal.ts'

const plain = (width: number): Terminal => ({ width, paint: (_, text) => text })
const red = (text: string) => `\u001b[31m${text}\u001b[39m`

describe('formatTable', () => {
  it('aligns columns, numbers at the right, and leaves no spaces at the ends of lines', () => {
    const columns = [{ title: 'service' }, { title: 'rows', align: 'right' }, { title: 'state' }] as const
    assert.equal(
      formatTable(
        [
          ['iris', '7', 'ready'],
          ['diabetes', '1200', ''],
        ],
        plain(80),
        { columns, indent: 2 },
      ),
      ['  service   rows  state', '  iris         7  ready', '  diabetes  1200'].join('\n'),
    )
  })

  it('does not count colours as characters', () => {
    assert.equal(
      formatTable(
        [
          [red('no'), 'x'],
          ['yes', 'y'],
        ],
        plain(80),
      ),
      `${red('no')}   x\nyes  y`,
    )
  })

  it('wraps or cuts what does not fit a terminal, and nothing in a pipe', () => {
    const rows = [['iris', 'one two three four five', 'abcdefghijklmnopqrstuvwxyz']]
    const columns = [{}, { overflow: 'wrap' }, { overflow: 'cut' }] as const
    assert.equal(
      formatTable(rows, plain(34), { columns }),
      ['iris  one two three  abcdefghijkl…', '      four five'].join('\n'),
    )
    assert.equal(
      formatTable(rows, plain(Number.POSITIVE_INFINITY), { columns }),
      'iris  one two three four five  abcdefghijklmnopqrstuvwxyz',
    )
  })

  it('aligns characters that take two columns, such as those of Chinese', () => {
    assert.equal(
      formatTable(
        [
          ['上海', '1'],
          ['🎉', '2'],
          ['Zürich', '3'],
        ],
        plain(80),
      ),
      ['上海    1', '🎉      2', 'Zürich  3'].join('\n'),
    )
  })

  it('keeps the end of a cut title that tells it from the others', () => {
    const columns = [0, 1].map(index => ({ title: `probabilities[${index}]`, overflow: 'cut' }) as const)
    assert.equal(formatTable([['0.5', '0.5']], plain(26), { columns }), 'probabil…[0]  probabil…[1]\n0.5           0.5')
  })

  it('leaves columns whole where nothing may shrink', () => {
    assert.equal(
      formatTable([['abcdefghijklmnop', 'abcdefghijklmnop']], plain(10)),
      'abcdefghijklmnop  abcdefghijklmnop',
    )
  })
})

describe('wrapText', () => {
  it('breaks between words and leaves a long word whole', () => {
    assert.deepEqual(wrapText('a bb ccc http://localhost:7071/docs d', 6), [
      'a bb',
      'ccc',
      'http://localhost:7071/docs',
      'd',
    ])
    assert.deepEqual(wrapText('', 6), [''])
  })
})

describe('cutText', () => {
  it.each([
    ['short', 5, 'short'],
    ['longer', 5, 'long…'],
    ['🇫🇷🇩🇪🇮🇹', 3, '🇫🇷…'],
    ['株式会社', 8, '株式会社'],
    ['株式会社', 7, '株式会…'],
    ['株式会社', 6, '株式…'],
  ])('makes of %j with %i columns %j', (text, width, expected) => {
    assert.equal(cutText(text, width), expected)
  })
})

describe('openTerminal', () => {
  it('has the width of a terminal, and none in a pipe', () => {
    const pipe = { isTTY: false } as NodeJS.WriteStream
    assert.equal(openTerminal(pipe).width, Number.POSITIVE_INFINITY)
    assert.equal(openTerminal({ isTTY: true, columns: 120 } as NodeJS.WriteStream).width, 120)
    assert.equal(openTerminal({ isTTY: true, columns: 0 } as NodeJS.WriteStream).width, Number.POSITIVE_INFINITY)
  })
})

describe('formatList', () => {
  const columns = [{ title: 'NAME' }, { title: 'STATE' }, { title: 'TAGS', overflow: 'cut' }] as const

  it('leaves out a column without text, with its cells', () => {
    assert.equal(
      formatList(
        [
          ['iris', '', 'one'],
          ['digits', '', ''],
        ],
        plain(80),
        columns,
      ),
      'NAME    TAGS\niris    one\ndigits',
    )
  })

  it('cuts the last column, and leaves it out where not even that fits', () => {
    const rows = [['n'.repeat(20), 'Healthy', 't'.repeat(40)]]
    const [first = ''] = rows[0] ?? []
    assert.equal(formatList(rows, plain(50), columns).split('\n')[1], `${first}  Healthy  ${'t'.repeat(18)}…`)
    assert.equal(formatList(rows, plain(40), columns).split('\n')[1], `${first}  Healthy`)
  })
})
