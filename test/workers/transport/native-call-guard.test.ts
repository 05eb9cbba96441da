import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { NativeGate } from '../../../src/workers/transport/native-call-guard.ts'

describe('NativeGate', () => {
  it('closes at once where nobody is inside, else when they have come out', async () => {
    const memory = new SharedArrayBuffer(NativeGate.bytes)
    const [thread, owner] = [new NativeGate(memory), new NativeGate(memory)]
    thread.enter()
    let isClosed = false
    const closing = owner.close().then(() => {
      isClosed = true
    })
    await nextTurn()
    assert.equal(isClosed, false)
    thread.leave()
    await closing
    await owner.close()
  })
})
