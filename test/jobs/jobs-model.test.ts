import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'

const soak = fileURLToPath(new URL('model/soak.ts', import.meta.url))

describe('createJobSteps, with faults and kills', () => {
  it('commit every row of the input once, in order, or fail the job with a reason', async () => {
    // In a process of its own, because the test runner tracks every promise, which takes three times as long.
    // A failure shows the seed and the smallest failing scenario.
    const { stdout } = await promisify(execFile)(process.execPath, [soak, '600'])
    const { seen } = JSON.parse(stdout) as { seen: Record<string, number> }
    for (const label of [
      'Completed',
      'Canceled',
      'path: isolated',
      'path: joined',
      'path: several files',
      'path: several outputs',
      'path: swept',
      'path: poisoned chunk',
    ]) {
      assert.ok(seen[label], `${label} in ${stdout}`)
    }
  })
})
