import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { LineBytes } from '../../../src/jobs/columns/line-bytes.ts'
import { NumberText } from '../../../src/jobs/columns/number-text.ts'
import { elementEncoder } from '../../../src/tensor/python-json-elements.ts'

function read(text: string): { value: number; end: number } {
  const number = new NumberText(Buffer.from(text))
  const end = number.read(0)
  return { value: number.value, end }
}

const digits = (maxLength: number) => fc.stringMatching(/^\d+$/, { maxLength })
const spelled = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9]\d{0,24}$/)),
    fc.oneof(
      fc.constant(''),
      digits(25).map(text => `.${text}`),
    ),
    fc.oneof({ weight: 3, arbitrary: fc.constant('') }, fc.stringMatching(/^[eE][+-]?\d{1,3}$/)),
  )
  .map(parts => parts.join(''))

describe('NumberText', () => {
  it('reads every number of JSON as Number does, to the last bit', () => {
    const doubles = fc.double({ noNaN: true, noDefaultInfinity: true }).map(number => JSON.stringify(number))
    const halfway = fc
      .tuple(fc.maxSafeNat(), fc.constantFrom('5', '50', '4999', '5001'), fc.nat(20))
      .map(([whole, tail, places]) => {
        const text = `${whole}${tail}`.padStart(places + 1, '0')
        return places === 0 ? String(BigInt(text)) : `${BigInt(text.slice(0, -places))}.${text.slice(-places)}`
      })
    fc.assert(
      fc.property(fc.oneof(spelled, doubles, halfway), text => {
        assert.deepEqual(read(text), { value: Number(text), end: text.length }, text)
      }),
      { numRuns: 3000 },
    )
  })

  it.each(['', '-', '+1', '.5', '1.', '01', '-01', '1e', '1e+', 'NaN', ' 1', '-.5', 'e5'])(
    'reads no number in "%s"',
    text => {
      assert.equal(read(text).end, -1)
    },
  )

  it('ends where the number does', () => {
    assert.deepEqual(read('1.5,2'), { value: 1.5, end: 3 })
    assert.deepEqual(read('-0]'), { value: -0, end: 2 })
  })
})

describe('LineBytes', () => {
  const written = (write: (bytes: LineBytes) => void) => {
    const bytes = new LineBytes(1)
    write(bytes)
    return Buffer.from(bytes.written).toString()
  }

  it('writes float32 numbers as Python does, where it writes them', () => {
    const encode = elementEncoder('float32', 'null') as (number: number) => string
    const usual = fc
      .tuple(fc.integer({ min: -(2 ** 24), max: 2 ** 24 }), fc.integer({ min: -10, max: 1 }))
      .map(([number, exponent]) => Math.fround(number * 10 ** exponent))
    let count = 0
    fc.assert(
      fc.property(fc.oneof(fc.float(), usual), number => {
        const text = written(bytes => bytes.float32(number) || bytes.text(encode(number)))
        if (written(bytes => bytes.float32(number)) !== '') count++
        assert.equal(text, encode(number))
      }),
      { numRuns: 3000 },
    )
    assert.ok(count > 500)
  })

  it.each([
    [0.5, '0.5'],
    [100, '100.0'],
    [-0.1, '-0.1'],
    [123456.79, '123456.79'],
    [999_999.94, '999999.94'],
  ])('writes %d as %s', (number, text) => {
    assert.equal(
      written(bytes => assert.ok(bytes.float32(Math.fround(number)))),
      text,
    )
  })

  it('writes whole numbers', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), number =>
        assert.equal(
          written(bytes => bytes.whole(number)),
          String(number),
        ),
      ),
    )
  })
})
