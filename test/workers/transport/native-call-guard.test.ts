import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { NativeCallGuard } from '../../../src/workers/transport/native-call-guard.ts'

describe('NativeCallGuard', () => {
  it('closes at once while no thread is inside, else when it has left', async () => {
    const memory = new SharedArrayBuffer(NativeCallGuard.bytes)
    const [thread, owner] = [new NativeCallGuard(memory), new NativeCallGuard(memory)]
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
