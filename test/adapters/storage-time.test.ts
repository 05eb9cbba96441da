import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { StorageTime } from '../../src/adapters/azure/storage-time.ts'

describe('StorageTime', () => {
  const begun = Date.UTC(2026, 0, 1)
  /** A storage whose clock shows `begun` when ours shows 5000; answers round down to seconds. */
  function open() {
    let monotonicMs = 5000
    const time = new StorageTime(() => monotonicMs)
    const trueNow = () => begun + monotonicMs - 5000
    return {
      time,
      trueNow,
      wait: (ms: number) => {
        monotonicMs += ms
      },
      hear: (ahead = 0) => time.heard(new Date(Math.floor((trueNow() + ahead) / 1000) * 1000)),
    }
  }

  it('knows nothing before the first answer', () => {
    assert.equal(open().time.now, undefined)
  })

  it('is at most a second behind after one answer, and closer after several', () => {
    const { time, trueNow, wait, hear } = open()
    wait(999)
    hear()
    assert.equal(trueNow() - (time.now as number), 999)
    wait(11)
    hear()
    assert.equal(trueNow() - (time.now as number), 10)
    wait(500)
    hear()
    assert.equal(trueNow() - (time.now as number), 10, 'an answer late in its second says less')
  })

  it('follows a storage whose clock was set, and one that goes on while this machine sleeps', () => {
    for (const jump of [3_600_000, -3_600_000]) {
      const { time, trueNow, hear } = open()
      hear()
      hear(jump)
      assert.equal(time.now, trueNow() + jump)
    }
  })
})
