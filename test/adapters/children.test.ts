import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'vitest'
import { childrenOfThread } from '../../src/adapters/child-process/children.ts'
import type { Cleaner } from '../support/cleaner.ts'

function start(test: Cleaner) {
  const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  test.onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

describe('childrenOfThread', () => {
  it('ends the children that a thread leaves behind, and no others', async test => {
    const [left, ended, ofAnother] = [start(test), start(test), start(test)]
    const children = childrenOfThread()
    const others = childrenOfThread()
    children.started(left.pid as number)
    children.started(ended.pid as number)
    children.ended(ended.pid as number)
    others.started(ofAnother.pid as number)
    children.kill()
    assert.deepEqual(await once(left, 'exit'), [null, 'SIGKILL'])
    children.kill() // its number may be that of another process by now
    assert.deepEqual([ended.exitCode ?? ended.signalCode, ofAnother.exitCode ?? ofAnother.signalCode], [null, null])
  })
})
