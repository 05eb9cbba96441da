import assert from 'node:assert/strict'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { cuts, plan, read } from '../inputs.ts'

/** All cells as they are: a list of strings per row. */
const strings = [{ name: 'x', dtype: 'string', shape: ['n', 'm'] }] as const

const cellsIn = async (content: string, sizes?: number[]) =>
  (await read(content, { format: 'csv', inputs: strings, ...(sizes && { sizes }) })).map(row =>
    row.startsWith('[') ? JSON.parse(row) : row,
  )

/** Spellings of numbers, and what looks like one. */
const spelling = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.stringMatching(/^-?[01]{1,3}(\.[05]{0,2})?([eE][+-]?[02]{0,2})?$/),
  fc.constantFrom('', ' 1', '+3', '.5', '1.', '007', '-', '-0', '"1"', '1e', 'NaN', '0x1', '1_0', '\u0661'),
)

describe('readRows of CSV', () => {
  it('reads a record of numbers as it reads each cell alone', async () => {
    const floats = (width: number) => [{ name: 'x', dtype: 'float32', shape: ['n', width] }] as const
    await fc.assert(
      fc.asyncProperty(fc.array(spelling, { minLength: 2, maxLength: 4 }), async cells => {
        const alone = await Promise.all(
          cells.map(
            async cell => (await read(`a\n"${cell.replaceAll('"', '')}"\n`, { format: 'csv', inputs: floats(1) }))[0],
          ),
        )
        const header = cells.map((_, column) => `c${column}`).join(',')
        const [row] = await read(`${header}\n${cells.join(',')}\n`, { format: 'csv', inputs: floats(cells.length) })
        const fault = alone.find(cell => !cell?.startsWith('['))
        assert.equal(row, fault ?? `[${alone.map(cell => cell?.slice(1, -1)).join(',')}]`)
      }),
    )
  })

  // The texts and cells of github.com/maxogden/csv-spectrum.
  const spectrum: Record<string, [content: string, rows: string[][]]> = {
    comma_in_quotes: [
      'first,last,address,city,zip\nJohn,Doe,120 any st.,"Anytown, WW",08123\n',
      [['John', 'Doe', '120 any st.', 'Anytown, WW', '08123']],
    ],
    empty: [
      'a,b,c\n1,"",""\n2,3,4\n',
      [
        ['1', '', ''],
        ['2', '3', '4'],
      ],
    ],
    empty_crlf: [
      'a,b,c\r\n1,"",""\r\n2,3,4\r\n',
      [
        ['1', '', ''],
        ['2', '3', '4'],
      ],
    ],
    escaped_quotes: [
      'a,b\n1,"ha ""ha"" ha"\n3,4\n',
      [
        ['1', 'ha "ha" ha'],
        ['3', '4'],
      ],
    ],
    json: [
      'key,val\n1,"{""type"": ""Point"", ""coordinates"": [102.0, 0.5]}"\n',
      [['1', '{"type": "Point", "coordinates": [102.0, 0.5]}']],
    ],
    newlines: [
      'a,b,c\n1,2,3\n"Once upon \na time",5,6\n7,8,9\n',
      [
        ['1', '2', '3'],
        ['Once upon \na time', '5', '6'],
        ['7', '8', '9'],
      ],
    ],
    newlines_crlf: [
      'a,b,c\r\n1,2,3\r\n"Once upon \r\na time",5,6\r\n7,8,9\r\n',
      [
        ['1', '2', '3'],
        ['Once upon \r\na time', '5', '6'],
        ['7', '8', '9'],
      ],
    ],
    quotes_and_newlines: [
      'a,b\n1,"ha \n""ha"" \nha"\n3,4\n',
      [
        ['1', 'ha \n"ha" \nha'],
        ['3', '4'],
      ],
    ],
    simple_crlf: ['a,b,c\r\n1,2,3\r\n', [['1', '2', '3']]],
    utf8: [
      'a,b,c\n1,2,3\n4,5,ʤ\n',
      [
        ['1', '2', '3'],
        ['4', '5', 'ʤ'],
      ],
    ],
  }

  it.each(Object.entries(spectrum))("reads csv-spectrum's %s", async (_, [content, rows]) => {
    assert.deepEqual(await cellsIn(content), rows)
    assert.deepEqual(await cellsIn(content.trimEnd(), [1]), rows)
  })

  it('reads a quote inside an unquoted cell as text', async () => {
    assert.deepEqual(await cellsIn('a,b\n5\' 11",x"y"\n'), [['5\' 11"', 'x"y"']])
  })

  it('makes an error row of text after a closing quote, and continues with the next line', async () => {
    assert.deepEqual(await cellsIn('a,b\n"x"y,1\n"x" ,1\n2,3'), ['ROW_NOT_CSV', 'ROW_NOT_CSV', ['2', '3']])
  })

  it('makes an error row with both counts when a row and the header differ in length', async () => {
    const { chunks } = await plan('a,b\n1\n', { format: 'csv' })
    assert.equal(chunks[0]?.rowCount, 1)
    assert.deepEqual(await cellsIn('a,b\n1\n1,2,3\n,\n'), ['ROW_RAGGED', 'ROW_RAGGED', ['', '']])
  })

  it('reads the same cells as csv-parse in every text that csv-parse accepts', async () => {
    const soup = fc.string({
      unit: fc.constantFrom('a', 'b', ',', ',', '"', '"', '\n', '\r\n', ' ', 'é'),
      maxLength: 30,
    })
    let taken = 0
    await fc.assert(
      fc.asyncProperty(soup, cuts, async (text, sizes) => {
        const content = `l,r\n${text}`
        let expected: unknown[]
        try {
          const options = { record_delimiter: ['\r\n', '\n'], relax_column_count: true, skip_empty_lines: true }
          expected = parse(content, options).slice(1)
        } catch {
          return
        }
        taken++
        assert.deepEqual(
          await cellsIn(content, sizes),
          expected.map(cells => ((cells as string[]).length === 2 ? cells : 'ROW_RAGGED')),
        )
      }),
      { numRuns: 400 },
    )
    assert.ok(taken > 50, `${taken} texts`)
  })
})
