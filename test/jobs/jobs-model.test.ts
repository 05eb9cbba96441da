import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'

const soak = fileURLToPath(new URL('model/soak.ts', import.meta.url))

describe('createJobSteps, with faults and kills', () => {
  it('commit every row of the input once, in order, or fail the job with a reason', async () => {
    // In a process of its own: the test runner follows every promise, which takes three times as long as the promises.
    // A failure shows the seed and the smallest scenario that goes wrong.
    const { stdout } = await promisify(execFile)(process.execPath, [soak, '600'])
    const { seen } = JSON.parse(stdout) as { seen: Record<string, number> }
    for (const way of ['Completed', 'Canceled', 'way: careful', 'way: joined', 'way: swept', 'way: poisoned chunk']) {
      assert.ok(seen[way], `${way} in ${stdout}`)
    }
  })
})
