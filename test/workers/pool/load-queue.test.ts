import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { LoadQueue } from '../../../src/workers/pool/load-queue.ts'

/** Loads that end when they are told to. */
function openQueue(maxLoading: number, waitMs = 600_000) {
  const queue = new LoadQueue(maxLoading, waitMs)
  const begun: string[] = []
  const ends = new Map<string, { resolve: () => void; reject: (why: Error) => void }>()
  const add = (name: string) =>
    queue.add(() => {
      begun.push(name)
      return new Promise<void>((resolve, reject) => ends.set(name, { resolve, reject }))
    })
  return { add, begun, ends }
}

describe('LoadQueue', () => {
  it('loads as many services at a time as there are processors, in order', async () => {
    const { add, begun, ends } = openQueue(2)
    for (const name of ['a', 'b', 'c', 'd']) add(name)
    assert.deepEqual(begun, ['a', 'b'])
    ends.get('b')?.resolve()
    await nextTurn()
    assert.deepEqual(begun, ['a', 'b', 'c'])
    ends.get('a')?.reject(new Error('no such model'))
    await nextTurn()
    assert.deepEqual(begun, ['a', 'b', 'c', 'd'])
  })

  it('loads at once what a caller waits for', () => {
    const { add, begun } = openQueue(1)
    add('a')
    add('b')
    const needed = add('c')
    needed.hurry()
    needed.hurry()
    assert.deepEqual(begun, ['a', 'c'])
  })

  it('does not load what is not needed any more', async () => {
    const { add, begun, ends } = openQueue(1)
    add('a')
    const stopped = add('b')
    add('c')
    stopped.cancel()
    stopped.hurry()
    ends.get('a')?.resolve()
    await nextTurn()
    assert.deepEqual(begun, ['a', 'c'])
  })

  it('lets others begin beside a load that takes long', async () => {
    const { add, begun } = openQueue(1, 1)
    add('a')
    add('b')
    while (begun.length < 2) await nextTurn()
    assert.deepEqual(begun, ['a', 'b'])
  })
})
