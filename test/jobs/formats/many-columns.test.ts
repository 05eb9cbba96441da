import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { chooseRowShape } from '../../../src/jobs/formats/row-shape.ts'
import { readTable } from '../../../src/scripts/table.ts'
import { plan } from '../inputs.ts'

/** As many names as the first MB of a CSV can have. To compare each with each would take minutes, and no other request its turn. */
const names = Array.from({ length: 200_000 }, (_, index) => index.toString(36))

describe('chooseRowShape, for many columns', () => {
  it('takes linear time for objects of many columns', () => {
    const { cells } = chooseRowShape(names, undefined)
    assert.equal(cells.length, 200_000)
    assert.throws(() => chooseRowShape([...names, '5'], undefined), { code: 'INPUT_COLUMNS_UNFIT', message: /"5"/ })
  })

  it('takes linear time for columns that fill one of several inputs', () => {
    const columns = [...names.map((_, index) => `x[${index}]`), 'y']
    const inputs = [
      { name: 'x', dtype: 'float32', shape: ['n', 200_000] },
      { name: 'y', dtype: 'float32', shape: ['n'] },
    ] as const
    const { cells } = chooseRowShape(columns, inputs)
    assert.deepEqual([cells[199_999]?.column, cells[200_000]?.column], [199_999, 200_000])
  })

  it('takes linear time for columns that the service does not take', () => {
    const required = names.map(name => `feature_${name}`)
    const input = { name: 'x', dtype: 'float32', shape: ['n', 200_000] } as const
    assert.throws(() => chooseRowShape(names, [input], { names: required }), {
      message: /missing: "feature_0", .* and 199990 more; unknown: "0", "1", .* and 199990 more$/,
    })
  })

  it('takes linear time to recognise a first line that is a row', async () => {
    const header = `${names.slice(0, 150_000).join(',')}\n`
    const inputs = [{ name: 'x', dtype: 'float32', shape: ['n', 200_000] }] as const
    const required = names.map(name => `feature_${name}`)
    const { fault } = await plan(header, { format: 'csv', inputs, names: required })
    assert.equal(fault?.code, 'INPUT_COLUMNS_UNFIT')
  })

  it("takes linear time for a request in pandas' format", () => {
    const schema = { names: ['a'], isPlain: true }
    assert.throws(() => readTable('"data"', { columns: names, data: [[1]] }, schema), {
      code: 'INPUT_UNKNOWN',
      message: '"columns" has "0"; the model takes "a"',
    })
  })
})
