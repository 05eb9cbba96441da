import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { superviseHost } from '../../src/host/supervisor.ts'

const restarts = { firstMs: 1, longestMs: 4, steadyMs: 60_000, maxQuickCrashes: 4, endingMs: 50 }

async function supervise(script: string) {
  const lines: string[] = []
  const code = await superviseHost({
    entry: new URL(`../fixtures/function-apps/host-entries/${script}`, import.meta.url),
    args: [],
    port: 0,
    environment: process.env,
    onListening: ({ port }) => lines.push(`listening on ${port}`),
    log: line => lines.push(line),
    restarts,
  })
  return { code, lines }
}

describe('superviseHost', () => {
  it('gives up after too many crashes in a row, with longer and longer pauses', async () => {
    const { code, lines } = await supervise('crashes.mjs')
    assert.equal(code, 1)
    assert.deepEqual(lines, [
      'listening on 4711',
      ...['0.001', '0.002', '0.004', '0.004'].map(s => `The host crashed (exit 70); starting it again in ${s} s.`),
      'The host crashed 5 times in a row (last: exit 70): giving up.',
    ])
  })

  it('kills a host that has crashed and does not get to its end', async () => {
    const { code, lines } = await supervise('hangs.mjs')
    assert.equal(code, 1)
    assert.equal(lines[1], 'The host crashed (SIGKILL); starting it again in 0.001 s.')
  })

  it('does not start again what could not start, or ended by itself', async () => {
    assert.deepEqual(await supervise('cannot-start.mjs'), { code: 1, lines: [] })
    assert.deepEqual(await supervise('ends.mjs'), { code: 0, lines: [] })
  })
})
