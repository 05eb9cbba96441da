import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { ConcurrencyLimit } from '../../src/scheduling/concurrency-limit.ts'

const always = () => true

describe('ConcurrencyLimit', () => {
  it('runs a few tasks at a time, in order, and refuses when too many wait', async () => {
    const limit = new ConcurrencyLimit(2, 3)
    const begun: number[] = []
    const ends: (() => void)[] = []
    const all = Array.from({ length: 5 }, (_, index) =>
      limit.run(() => {
        begun.push(index)
        return new Promise<number>(resolve => ends.push(() => resolve(index)))
      }, always),
    )
    await assert.rejects(
      limit.run(async () => {}, always),
      { code: 'QUEUE_FULL', retryAfterSeconds: 1 },
    )
    for (let ended = 0; ended < 5; ended++) {
      assert.deepEqual(begun, [0, 1, 2, 3, 4].slice(0, ended + 2))
      ends[ended]?.()
      await all[ended]
      await new Promise(done => setImmediate(done))
    }
    assert.deepEqual(await Promise.all(all), [0, 1, 2, 3, 4])
  })

  it('runs the next task, whether one ends well, fails or is not needed any more', async () => {
    const outcome = fc.constantFrom('ends', 'fails', 'unneeded')
    await fc.assert(
      fc.asyncProperty(
        fc.array(outcome, { maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        async (outcomes, atATime) => {
          const limit = new ConcurrencyLimit(atATime, 100)
          let under = 0
          const settled = await Promise.allSettled(
            outcomes.map(how =>
              limit.run(
                async () => {
                  assert.ok(++under <= atATime)
                  await new Promise(done => setImmediate(done))
                  under--
                  if (how === 'fails') throw new Error('failed on purpose')
                  return 'done'
                },
                () => how !== 'unneeded',
              ),
            ),
          )
          const seen = settled.map(each =>
            each.status === 'rejected' ? 'fails' : each.value === 'done' ? 'ends' : 'unneeded',
          )
          assert.deepEqual(seen, outcomes)
          assert.equal(await limit.run(async () => 'free', always), 'free')
        },
      ),
    )
  })
})
