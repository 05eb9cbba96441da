import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { HistogramFamily } from '../../src/telemetry/metric.ts'

const familyOf = (bounds: number[]) =>
  new HistogramFamily({ kind: 'histogram', name: 'a', unit: 's', help: 'h', bounds })

describe('Histogram', () => {
  it('counts a value on a bound below it, and values above all bounds in the last bucket', () => {
    const series = familyOf([1, 5]).add({})
    for (const value of [0, 1, 1.5, 5, 6, 1000]) series.record(value)
    assert.deepEqual(series.counts, [2, 2, 2])
    assert.equal(series.sum, 1013.5)
  })

  it('counts every value once, in the first bucket that holds it', () => {
    const numbers = fc.double({ min: 0, max: 100, noNaN: true })
    fc.assert(
      fc.property(fc.uniqueArray(numbers), fc.array(numbers), (unsorted, values) => {
        const bounds = unsorted.sort((a, b) => a - b)
        const series = familyOf(bounds).add({})
        for (const value of values) series.record(value)
        const upTo = (bound: number) => values.filter(value => value <= bound).length
        let count = 0
        for (const [bucket, inBucket] of series.counts.entries()) {
          count += inBucket
          assert.equal(count, upTo(bounds[bucket] ?? Number.POSITIVE_INFINITY))
        }
      }),
    )
  })

  it('notifies listeners of every series, also of earlier ones', () => {
    const family = familyOf([1])
    const early = family.add({ of: 'early' })
    const heard: unknown[] = []
    family.listen((series, value) => heard.push([series.attributes.of, value]))
    early.record(1)
    family.add({ of: 'late' }).record(2)
    assert.deepEqual(heard, [
      ['early', 1],
      ['late', 2],
    ])
  })
})
