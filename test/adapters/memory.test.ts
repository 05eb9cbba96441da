import assert from 'node:assert/strict'
import { totalmem } from 'node:os'
import { describe, it } from 'vitest'
import { memoryBytes } from '../../src/adapters/local/memory.ts'

describe('memoryBytes', () => {
  it('is what Azure gives an instance, at most what the machine has', () => {
    assert.equal(memoryBytes({ WEBSITE_MEMORY_LIMIT_MB: '100' }), 100 * 2 ** 20)
    assert.ok(memoryBytes({ WEBSITE_MEMORY_LIMIT_MB: '100000000' }) <= totalmem())
  })

  it.each(['', '0', 'all'])('passes over the setting "%s"', WEBSITE_MEMORY_LIMIT_MB => {
    assert.equal(memoryBytes({ WEBSITE_MEMORY_LIMIT_MB }), memoryBytes({}))
  })
})
