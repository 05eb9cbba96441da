import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { floatRows } from '../../../src/jobs/columns/float-rows.ts'
import { type RowTarget, rowTargets } from '../../../src/jobs/columns/row-target.ts'

type Float = 'float32' | 'float64'

/** @returns the row that a record gives, if it is read straight; `taken` are the columns that go to the tensor, in order */
function read(record: string, dtype: Float, taken = record.split(',').map((_, column) => column)) {
  const targets = rowTargets(dtype, 1, taken.length)
  const columns = record.split(',').map((_, column) => targets[taken.indexOf(column)])
  const bytes = Buffer.from(`before\n${record}\nafter`)
  const straight = floatRows(bytes, columns, {})
  assert.ok(straight)
  const data = targets[0]?.data as Float64Array | undefined
  return straight(7, 7 + Buffer.byteLength(record), 0) && [...(data ?? [])]
}

const digits = (maxLength: number) => fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength })
const plain = fc
  .tuple(fc.constantFrom('', '-'), fc.oneof(fc.constant('0'), digits(9)), fc.option(digits(12)))
  .map(
    ([sign, whole, fraction]) => `${sign}${whole.replace(/^0+(?=\d)/, '')}${fraction === null ? '' : `.${fraction}`}`,
  )
const any = fc.oneof(
  plain,
  fc.double({ noNaN: true }).map(String),
  fc.constantFrom('', ' 1', '1 ', '.5', '5.', '-', '+1', '01', '1e3', 'NaN', '"1"', '0x1', '1_0', '-0', '0.0'),
)

describe('floatRows', () => {
  it('reads plain numbers as Number does, to the bit, in either type', () => {
    fc.assert(
      fc.property(fc.array(plain, { minLength: 1, maxLength: 5 }), cells => {
        const expected = cells.map(Number)
        const record = cells.join(',')
        const isShort = cells.every(cell => cell.replace(/\D/g, '').length <= 14)
        const found = read(record, 'float64')
        if (isShort) assert.ok(found, `${record} is not read`)
        if (found) assert.deepEqual(found, expected)
        const single = read(record, 'float32')
        if (single) assert.deepEqual(single, expected.map(Math.fround))
      }),
    )
  })

  it('reads a record at the very end of the memory', () => {
    for (const record of ['1', '0.5', '-0.25', '0.125', '0.0625', '0.03125,-0.015625', '12345.6789']) {
      const targets = rowTargets('float64', 1, record.split(',').length)
      const memory = Buffer.from(new ArrayBuffer(record.length + 1)) // with the byte behind the text that readers may look at
      memory.write(record)
      assert.equal(floatRows(memory, targets, {})?.(0, record.length, 0), true)
      assert.deepEqual([...(targets[0] as RowTarget).data], record.split(',').map(Number))
    }
  })

  it('leaves all else to those who know more, and never reads a wrong number', () => {
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 4 }), cells => {
        const found = read(cells.join(','), 'float64')
        if (!found) return
        assert.ok(cells.every(cell => /^-?(0|[1-9]\d*)(\.\d+)?$/.test(cell)))
        assert.deepEqual(found, cells.map(Number))
      }),
    )
    for (const record of ['', '1,', '1,2,', '1 ,2', '1,"2"', '1,2\r\r', '1;2'])
      assert.equal(read(record, 'float64'), false)
  })

  it('takes a carriage return as part of the line end', () => {
    assert.deepEqual(read('1,2\r', 'float64'), [1, 2])
  })

  it('passes over columns that are not taken, unless they are quoted', () => {
    assert.deepEqual(read('id-7,1.5,,-2', 'float64', [1, 3]), [1.5, -2])
    assert.deepEqual(read('x,1.5,-2,y', 'float64', [2, 1]), [-2, 1.5])
    assert.equal(read('"a,b",1.5', 'float64', [1]), false)
  })

  it('reads no rows whose numbers are written in another way, may mean that a value is missing, or have another type', () => {
    const bytes = Buffer.from('1\n')
    assert.equal(floatRows(bytes, rowTargets('float64', 1, 1), { na: ['-999'] }), undefined)
    for (const dialect of [{ decimal: ',' }, { thousands: '.' }])
      assert.equal(floatRows(bytes, rowTargets('float64', 1, 1), dialect), undefined)
    assert.ok(floatRows(bytes, rowTargets('float64', 1, 1), { na: ['none'] }))
    for (const dtype of ['int32', 'int64', 'float16', 'string'] as const)
      assert.equal(floatRows(bytes, rowTargets(dtype, 1, 1), {}), undefined)
  })
})
