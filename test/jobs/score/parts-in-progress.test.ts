import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { type LeavePart, PartsInProgress } from '../../../src/jobs/score/parts-in-progress.ts'

describe('PartsInProgress', () => {
  it('lets the last of several chunks list their part', () => {
    const parts = new PartsInProgress()
    const [first, second, last] = [parts.enter('a', 0), parts.enter('a', 1), parts.enter('a', 2)]
    const other = parts.enter('b', 3)
    assert.deepEqual([second(true), first(true), other(true), last(true)], [false, false, true, true])
  })

  it('lets a chunk without a result list for those who left it to that, and for nobody else', () => {
    const parts = new PartsInProgress()
    const [first, second] = [parts.enter('a', 0), parts.enter('a', 1)]
    assert.deepEqual([first(true), second(false)], [false, true])
    assert.equal(parts.enter('a', 2)(false), false)
  })

  it('counts a chunk once that is given up and then comes to its end', () => {
    const parts = new PartsInProgress()
    const [given, other] = [parts.enter('a', 0), parts.enter('a', 1)]
    assert.deepEqual([given(false), given(false), other(true)], [false, false, true])
  })

  it('leaves nothing to another run of the same chunk, whose message may be deleted by then', () => {
    const parts = new PartsInProgress()
    const [first, second] = [parts.enter('a', 0), parts.enter('a', 0)]
    assert.deepEqual([first(true), second(true)], [true, true])
    const [third, fourth, other] = [parts.enter('a', 0), parts.enter('a', 0), parts.enter('a', 1)]
    assert.deepEqual([third(true), other(true), fourth(false)], [false, false, true])
  })

  it('has each result followed by a listing of its part, in whatever order chunks come and go', () => {
    const commands = fc.array(
      fc.record({
        part: fc.constantFrom('a', 'b'),
        chunk: fc.nat(2),
        enters: fc.boolean(),
        hasResult: fc.boolean(),
        which: fc.nat(),
      }),
    )
    fc.assert(
      fc.property(commands, all => {
        const parts = new PartsInProgress()
        const scored: Record<string, LeavePart[]> = { a: [], b: [] }
        const unlisted: Record<string, number> = { a: 0, b: 0 }
        const leave = (part: string, which: number, hasResult: boolean) => {
          const chunks = scored[part] ?? []
          const [leavePart] = chunks.splice(which % chunks.length, 1)
          if (hasResult) unlisted[part] = (unlisted[part] ?? 0) + 1
          if (leavePart?.(hasResult)) unlisted[part] = 0
        }
        for (const { part, chunk, enters, hasResult, which } of all) {
          if (enters) scored[part]?.push(parts.enter(part, chunk))
          else if (scored[part]?.length) leave(part, which, hasResult)
        }
        for (const part of ['a', 'b']) while (scored[part]?.length) leave(part, 0, false)
        assert.deepEqual(unlisted, { a: 0, b: 0 })
      }),
    )
  })
})
