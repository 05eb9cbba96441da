import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { ScoringLock } from '../../../src/jobs/score/scoring-lock.ts'
import { settle } from '../../support/virtual-clock.ts'

describe('ScoringLock', () => {
  it('runs many shared or one exclusive holder, in order of arrival, also after a failure', async () => {
    const lock = new ScoringLock()
    const running = new Map<string, () => void>()
    const work = (name: string) => async () => {
      await new Promise<void>(resolve => running.set(name, resolve))
      running.delete(name)
      if (name === 'alone') throw new Error('failed')
    }
    const now = async () => {
      await settle()
      return [...running.keys()]
    }
    const all = [lock.shared(work('a')), lock.shared(work('b')), lock.exclusive(work('alone')), lock.shared(work('c'))]
    const failure = assert.rejects(all[2] as Promise<void>, /failed/)
    assert.deepEqual(await now(), ['a', 'b'])
    running.get('a')?.()
    assert.deepEqual(await now(), ['b'], 'b is still at it, and c has asked later')
    running.get('b')?.()
    assert.deepEqual(await now(), ['alone'])
    running.get('alone')?.()
    assert.deepEqual(await now(), ['c'])
    running.get('c')?.()
    await failure
    await Promise.all([all[0], all[1], all[3]])
  })
})
