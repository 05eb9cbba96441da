import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { ScoringTurns } from '../../../src/jobs/score/scoring-turns.ts'

const never = new AbortController().signal

/** Turns by a clock that stands still, and who had them. */
function turns() {
  const clock = { now: 0 }
  const shared = new ScoringTurns(() => clock.now)
  const had: string[] = []
  const chunk = (name: string) => {
    const who = {}
    const wait = (signal = never) => shared.wait(who, signal).then(() => void had.push(name))
    return { wait, leave: () => shared.leave(who) }
  }
  return { clock, had, chunk }
}

describe('ScoringTurns', () => {
  it('lets one that is alone go on for as long as it likes', async () => {
    const { clock, had, chunk } = turns()
    const one = chunk('one')
    for (clock.now = 0; clock.now < 1000; clock.now += 90) await one.wait()
    assert.equal(had.length, 12)
  })

  it('lets the first one come to its end before the next begins, if that takes no longer than a turn', async () => {
    const { clock, had, chunk } = turns()
    const [one, other] = [chunk('one'), chunk('other')]
    await one.wait()
    void other.wait()
    for (clock.now = 10; clock.now < 90; clock.now += 10) await one.wait()
    assert.deepEqual(new Set(had), new Set(['one']))
    one.leave()
    await nextTurn()
    assert.equal(had.at(-1), 'other')
  })

  it('gives each of several a turn of a tenth of a second, whatever requests it has at a time', async () => {
    const { clock, had, chunk } = turns()
    const chunks = ['a', 'b', 'c'].map(chunk)
    for (const { wait } of chunks) void wait()
    for (let turn = 0; turn < 6; turn++) {
      await nextTurn()
      clock.now += 100
      const holder = chunks['abc'.indexOf(had.at(-1) as string)]
      void holder?.wait()
      void holder?.wait()
    }
    await nextTurn()
    assert.deepEqual(had.filter((name, at) => name !== had[at - 1]).slice(0, 7), ['a', 'b', 'c', 'a', 'b', 'c', 'a'])
  })

  it('does not keep those waiting whose job has ended, and lets nobody wait for them', async () => {
    const { had, chunk } = turns()
    const [one, other, last] = [chunk('one'), chunk('other'), chunk('last')]
    await one.wait()
    const job = new AbortController()
    const waiting = other.wait(job.signal)
    const lastTurn = last.wait()
    job.abort()
    await waiting
    other.leave()
    one.leave()
    await lastTurn
    assert.deepEqual(had, ['one', 'other', 'last'])
  })
})
