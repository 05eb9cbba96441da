import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'vitest'
import { superviseHost } from '../../src/host/supervisor.ts'
import { Child } from './host-child.ts'

const restarts = {
  immediateRestarts: 2,
  firstDelayMs: 1,
  maxDelayMs: 4,
  resetAfterMs: 60_000,
  maxStartCrashes: 4,
  killAfterCrashMs: 50,
}

async function supervise(script: string, environment: Record<string, string> = {}) {
  const lines: string[] = []
  const code = await superviseHost({
    entry: new URL(`../fixtures/function-apps/host-entries/${script}`, import.meta.url),
    args: [],
    port: 0,
    environment: { ...process.env, ...environment },
    onListening: ({ port }) => lines.push(`listening on ${port}`),
    log: line => lines.push(line),
    restarts,
  })
  return { code, lines }
}

describe('superviseHost', () => {
  it('restarts a host that has served, however often it crashes: at once, then after growing delays', async test => {
    const folder = await mkdtemp(join(tmpdir(), 'crashes-'))
    test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
    const { code, lines } = await supervise('crashes-six-times.mjs', { CRASHES: join(folder, 'crashes') })
    assert.equal(code, 0)
    assert.deepEqual(lines, [
      'listening on 4711',
      ...['at once', 'at once', ...['0.001', '0.002', '0.004', '0.004'].map(s => `in ${s} s`)].map(
        when => `The host crashed (exit 70); restarting it ${when}.`,
      ),
    ])
  })

  it('hands the messages that a crashed host held to the next one', async test => {
    const folder = await mkdtemp(join(tmpdir(), 'held-'))
    test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
    const handed = join(folder, 'handed')
    assert.equal((await supervise('holds-messages.mjs', { HANDED: handed })).code, 0)
    assert.deepEqual(JSON.parse(await readFile(handed, 'utf8')), [
      { queueName: 'work', id: 'two', popReceipt: 'renewed' },
    ])
  })

  it('gives up on a host that crashes during each start', async () => {
    const { code, lines } = await supervise('crashes-starting.mjs')
    assert.equal(code, 1)
    assert.equal(lines.at(-1), 'The host crashed 5 times in a row during start (last: exit 70); giving up.')
  })

  it('kills a host that has crashed and does not end', async test => {
    const folder = await mkdtemp(join(tmpdir(), 'crashes-'))
    test.onTestFinished(() => rm(folder, { recursive: true, maxRetries: 9 }))
    const { code, lines } = await supervise('hangs.mjs', { CRASHES: join(folder, 'crashes') })
    assert.equal(code, 0)
    assert.equal(lines[1], 'The host crashed (SIGKILL); restarting it at once.')
  })

  it('does not restart a host that could not start, or ended by itself', async () => {
    assert.deepEqual(await supervise('cannot-start.mjs'), { code: 1, lines: [] })
    assert.deepEqual(await supervise('aborts-unstarted.mjs'), { code: 1, lines: [] })
    assert.deepEqual(await supervise('ends.mjs'), { code: 0, lines: [] })
  })

  it('kills a host that cannot hear a second signal, as when a debugger has stopped it', async test => {
    const script = fileURLToPath(new URL('../fixtures/function-apps/supervises.ts', import.meta.url))
    const supervisor = new Child(script, [])
    test.onTestFinished(() => supervisor.kill())
    await supervisor.see(/listening/)
    supervisor.process.kill('SIGINT')
    await supervisor.see(/SIGTERM/)
    await delay(600) // npm repeats a signal sooner
    supervisor.process.kill('SIGINT')
    assert.equal(await supervisor.ended(), 1) // before the limit of the test, and so of the 45 s of a first signal
  })
})
