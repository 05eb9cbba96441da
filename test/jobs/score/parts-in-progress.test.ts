import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { PartsInProgress } from '../../../src/jobs/score/parts-in-progress.ts'

describe('PartsInProgress', () => {
  it('lets the last of several chunks list their part', () => {
    const parts = new PartsInProgress()
    for (const _ of [1, 2, 3]) parts.enter('a')
    parts.enter('b')
    assert.deepEqual(
      [parts.leave('a', true), parts.leave('a', true), parts.leave('b', true), parts.leave('a', true)],
      [false, false, true, true],
    )
  })

  it('lets a chunk without a result list for those who left it to that, and for nobody else', () => {
    const parts = new PartsInProgress()
    for (const _ of [1, 2]) parts.enter('a')
    assert.deepEqual([parts.leave('a', true), parts.leave('a', false)], [false, true])
    parts.enter('a')
    assert.equal(parts.leave('a', false), false)
  })

  it('has each result followed by a listing of its part, in whatever order chunks come and go', () => {
    const steps = fc.array(
      fc.record({ part: fc.constantFrom('a', 'b'), enters: fc.boolean(), hasResult: fc.boolean() }),
    )
    fc.assert(
      fc.property(steps, commands => {
        const parts = new PartsInProgress()
        const scored = { a: 0, b: 0 }
        const unlisted = { a: 0, b: 0 }
        const leave = (part: 'a' | 'b', hasResult: boolean) => {
          scored[part]--
          if (hasResult) unlisted[part]++
          if (parts.leave(part, hasResult)) unlisted[part] = 0
        }
        for (const { part, enters, hasResult } of commands as {
          part: 'a' | 'b'
          enters: boolean
          hasResult: boolean
        }[]) {
          if (enters) {
            parts.enter(part)
            scored[part]++
          } else if (scored[part] > 0) leave(part, hasResult)
        }
        for (const part of ['a', 'b'] as const) while (scored[part] > 0) leave(part, false)
        assert.deepEqual(unlisted, { a: 0, b: 0 })
      }),
    )
  })
})
