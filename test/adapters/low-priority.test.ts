import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { it } from 'vitest'
import { lowerPriorityOfProcess } from '../../src/adapters/local/low-priority.ts'

it('lowers the priority of all threads of a process, and of its session, and of no other process', async test => {
  const before = getPriority()
  const child = spawn(process.execPath, ['-e', "console.log('runs'); setInterval(() => {}, 1000)"], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: process.platform !== 'win32',
  })
  test.onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const { pid = 0 } = child
  lowerPriorityOfProcess(pid)
  assert.equal(getPriority(pid), 10)
  assert.equal(getPriority(), before)
  if (process.platform !== 'linux') return
  const threads = readdirSync(`/proc/${pid}/task`).map(Number)
  assert.ok(threads.length > 1)
  for (const thread of threads) assert.equal(getPriority(thread), 10)
  const group = `/proc/${pid}/autogroup`
  if (existsSync(group)) assert.match(readFileSync(group, 'utf8'), / nice 10$/m)
})

it('ignores a process that has ended', async () => {
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' })
  await once(child, 'exit')
  lowerPriorityOfProcess(child.pid as number)
})
