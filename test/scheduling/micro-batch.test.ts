import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { tensorBytes } from '../../src/scheduling/inference-request.ts'
import { type DecodedRequest, planMicroBatches, rowsPerRun } from '../../src/scheduling/micro-batch.ts'
import { sliceFeeds } from '../../src/scripts/row-feeds.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

const feedsOf = (rowCount: number, columns: number) => ({
  x: new Tensor('float64', new Float64Array(rowCount * columns), [rowCount, columns]),
  id: new Tensor(
    'int32',
    Int32Array.from({ length: rowCount }, (_, row) => row),
    [rowCount],
  ),
})
/** Requests of one to 20 rows with two or three columns: 20 or 28 bytes each. Some may not share a run. */
const requests = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.constantFrom(2, 3), fc.boolean()), {
    minLength: 1,
    maxLength: 30,
  })
  .map(all =>
    all.map(([rowCount, columns, mayShare], index): DecodedRequest & { columns: number } => {
      const byteCount = rowCount * (8 * columns + 4)
      return { index, rowCount, columns, mayShare, byteCount, feeds: feedsOf(rowCount, columns) }
    }),
  )
const limits = fc.record({ maxRows: fc.integer({ min: 1, max: 40 }), maxBytes: fc.integer({ min: 1, max: 1200 }) })
const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)

describe('planMicroBatches', () => {
  it('runs each request once, in order, with what is alike, and no more in a run than rows and bytes allow', () => {
    fc.assert(
      fc.property(requests, limits, (all, { maxRows, maxBytes }) => {
        const batches = planMicroBatches(all, { maxRows, maxBytes })
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
          assert.ok(batch.every(({ mayShare }) => mayShare))
          assert.ok(sum(batch.map(({ rowCount }) => rowCount)) <= maxRows)
          assert.ok(sum(batch.map(({ byteCount }) => byteCount)) <= maxBytes)
        }
      }),
    )
  })

  it('joins as soon as two fit', () => {
    const request = (index: number, mayShare = true): DecodedRequest => ({
      index,
      rowCount: 1,
      mayShare,
      byteCount: 20,
      feeds: feedsOf(1, 2),
    })
    const all = [request(0), request(1, false), request(2)]
    const batches = planMicroBatches(all, { maxRows: 64, maxBytes: 1000 })
    assert.deepEqual(
      batches.map(batch => batch.map(({ index }) => index)),
      [[0, 2], [1]],
    )
  })

  it('joins no request with one that has an input more', () => {
    const { x, id } = feedsOf(1, 2)
    const request = (index: number, feeds: DecodedRequest['feeds']): DecodedRequest => ({
      index,
      rowCount: 1,
      mayShare: true,
      byteCount: 20,
      feeds,
    })
    for (const all of [
      [request(0, { x }), request(1, { x, id })],
      [request(0, { x, id }), request(1, { x })],
    ])
      assert.equal(planMicroBatches(all, { maxRows: 64, maxBytes: 1000 }).length, 2)
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
          assert.ok(tensorBytes(slice.feeds) <= maxBytes || slice.rowCount === 1)
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
