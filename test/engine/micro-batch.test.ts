import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type DecodedRequest, planMicroBatches, rowsPerRun } from '../../src/engine/micro-batch.ts'
import { byteCountOf, sliceFeeds } from '../../src/entry-script/row-feeds.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

const feedsOf = (rowCount: number, columns: number) => ({
  x: new Tensor('float64', new Float64Array(rowCount * columns), [rowCount, columns]),
  id: new Tensor(
    'int32',
    Int32Array.from({ length: rowCount }, (_, row) => row),
    [rowCount],
  ),
})
/** Requests of one to 20 rows with two or three columns: 20 or 28 bytes each. */
const requests = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.constantFrom(2, 3)), { minLength: 1, maxLength: 30 })
  .map(all =>
    all.map(([rowCount, columns], index): DecodedRequest & { columns: number } => {
      const byteCount = rowCount * (8 * columns + 4)
      return { index, rowCount, columns, byteCount, feeds: feedsOf(rowCount, columns) }
    }),
  )
const limits = fc.record({ maxRows: fc.integer({ min: 1, max: 40 }), maxBytes: fc.integer({ min: 1, max: 1200 }) })
const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)

describe('planMicroBatches', () => {
  it('runs each request once, in order, with what is alike, and no more in a run than rows and bytes allow', () => {
    fc.assert(
      fc.property(requests, limits, (all, { maxRows, maxBytes }) => {
        const batches = planMicroBatches(all, { maxRows, maxBytes }, true)
        const order = batches.map(batch => batch.map(({ index }) => index))
        assert.deepEqual(
          order.flat().toSorted((one, other) => one - other),
          all.map(({ index }) => index),
        )
        for (const batch of batches) {
          assert.deepEqual(
            batch,
            batch.toSorted((one, other) => one.index - other.index),
          )
          assert.equal(new Set(batch.map(({ columns }) => columns)).size, 1)
          if (batch.length === 1) continue
          assert.ok(sum(batch.map(({ rowCount }) => rowCount)) <= maxRows)
          assert.ok(sum(batch.map(({ byteCount }) => byteCount)) <= maxBytes)
        }
      }),
    )
  })

  it('runs each alone where rows do not mix', () => {
    fc.assert(
      fc.property(requests, limits, (all, bounds) => {
        assert.deepEqual(
          planMicroBatches(all, bounds, false),
          all.map(request => [request]),
        )
      }),
    )
  })
})

describe('rowsPerRun', () => {
  it('cuts a request into runs within rows and bytes, or of one row, with no row lost', () => {
    fc.assert(
      fc.property(requests, limits, ([request], { maxRows, maxBytes }) => {
        const { feeds, rowCount } = request as DecodedRequest
        const slices = sliceFeeds(feeds, rowsPerRun(request as DecodedRequest, { maxRows, maxBytes }))
        for (const slice of slices) {
          assert.ok(slice.rowCount <= maxRows)
          assert.ok(byteCountOf(slice.feeds) <= maxBytes || slice.rowCount === 1)
        }
        const rows = slices.flatMap(slice => [...((slice.feeds.id as Tensor).data as Int32Array)])
        assert.deepEqual(
          rows,
          Array.from({ length: rowCount }, (_, row) => row),
        )
      }),
    )
  })
})
