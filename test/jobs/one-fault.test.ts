import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'

const tryAll = fileURLToPath(new URL('one-fault/try-all.ts', import.meta.url))

interface Summary {
  /** Faults that were tried. */
  readonly faults: number
  readonly outcomes: readonly { readonly scene: string; readonly failures: readonly string[] }[]
}

describe('createJobSteps, with one fault at each call in turn', () => {
  it('end the job without a sweep, with every row once', { timeout: 600_000 }, async () => {
    // In a process of its own, because the test runner tracks every promise, which takes three times as long.
    const { stdout } = await promisify(execFile)(process.execPath, [tryAll], { maxBuffer: 2 ** 24 })
    const { faults, outcomes } = JSON.parse(stdout) as Summary
    const failed = outcomes.filter(({ failures }) => failures.length > 0)
    assert.deepEqual(failed, [])
    assert.ok(faults > 4500, `${faults} were tried`)
  })
})
