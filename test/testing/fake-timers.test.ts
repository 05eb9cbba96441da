import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, describe, it, vi } from 'vitest'
import type * as Testing from '../../src/testing/load-service.ts'
import { makeServices } from '../support/service-folder.ts'

// What the package holds: its timers come from the build.
const built = new URL('../../dist/testing.mjs', import.meta.url).href
const { loadService }: typeof Testing = await import(built)

describe('loadService of the package, in a test with fake timers', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('loads, scores and keeps its time limits, though the time of the test stands still', async test => {
    const models = await makeServices(
      {
        'churn/service.json': { entryScript: 'score.mjs' },
        'churn/score.mjs': `export function init() {}
          export const run = text => JSON.parse(text).isSlow ? new Promise(() => {}) : 'scored'`,
      },
      test,
    )
    vi.useFakeTimers({ now: 0 })
    const service = await loadService(join(models, 'churn'), { timeoutMs: 500, log: () => {} })
    test.onTestFinished(() => service.stop())
    assert.equal(await service.score({}), 'scored')
    vi.advanceTimersByTime(60_000)
    assert.equal(await service.score({}), 'scored')
    await assert.rejects(service.score({ isSlow: true }), { status: 504 })
  })
})
