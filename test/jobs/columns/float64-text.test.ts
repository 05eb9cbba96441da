import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { writeFloat64 } from '../../../src/jobs/columns/float64-text.ts'

/** @returns undefined where nothing was written */
function write(number: number): string | undefined {
  const bytes = Buffer.alloc(40, '#')
  const end = writeFloat64(bytes, 4, number)
  assert.equal(bytes.toString('latin1', 0, 4), '####')
  assert.match(bytes.toString('latin1', 36), /^#+$/, 'no more than 32 bytes')
  return end < 0 ? undefined : bytes.toString('latin1', 4, end)
}

/** As ECMAScript says (Number::toString), with the point that Python adds to whole numbers. */
function expected(number: number): string {
  return Number.isInteger(number) ? `${number}.0` : String(number)
}

const usual = fc.oneof(
  fc.double({ min: 1e-4, max: 1e15, maxExcluded: true, noNaN: true }),
  // What measurements and probabilities look like, and doubles that were floats.
  fc.tuple(fc.nat({ max: 10 ** 9 }), fc.nat({ max: 9 })).map(([whole, places]) => Number(`${whole}e-${places}`)),
  fc.float({ min: Math.fround(1e-3), max: 1e6, noNaN: true }),
)

describe('writeFloat64', () => {
  it('writes the shortest text that is the number', () => {
    fc.assert(
      fc.property(usual, fc.boolean(), (size, isNegative) => {
        const number = isNegative ? -size : size
        const text = write(number)
        if (text !== undefined) assert.equal(text, expected(number))
      }),
      { numRuns: 20_000 },
    )
  })

  it('writes the neighbours of short numbers', () => {
    const double = new Float64Array(1)
    const bits = new BigInt64Array(double.buffer)
    for (const short of [0.0001, 0.001, 0.3, 1, 1.5, 9.5, 10, 99.99, 1e5, 123456.789, 1e14, 999_999_999_999_999]) {
      for (let step = -40; step <= 40; step++) {
        double[0] = short
        bits[0] = (bits[0] as bigint) + BigInt(step)
        const text = write(double[0])
        if (text !== undefined) assert.equal(text, expected(double[0]))
      }
    }
  })

  it('writes numbers of all lengths, and of two that are equally near the even one', () => {
    // From Python's repr.
    const written = [
      '0.1',
      '0.7',
      '3.0',
      '0.00025',
      '-206.11706979038763',
      '100.0',
      '921.1306762695312',
      '123456789012345.6',
    ]
    for (const text of [...written, '0.30000000000000004', '1234567.0', '9007199254740.992', '-0.0025'])
      assert.equal(write(Number(text)), text)
  })

  it('leaves zero, powers of two, very large and very small numbers, and those that are none', () => {
    for (const number of [0, -0, 1, 2, 0.25, 1024, 9.9e-5, 1e15, 1e300, 5e-324, Number.NaN, Infinity, -Infinity])
      assert.equal(write(number), undefined)
  })

  it('writes nearly all numbers that it is asked for', () => {
    const left = fc.sample(usual, { numRuns: 5000, seed: 1 }).filter(number => write(number) === undefined)
    assert.ok(left.length < 500, `${left.length} of 5000 were left`)
  })
})
