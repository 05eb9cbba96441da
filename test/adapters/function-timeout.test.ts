import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, test } from 'vitest'
import { readFunctionTimeoutMs } from '../../src/adapters/local/function-timeout.ts'

describe('readFunctionTimeoutMs', () => {
  test.each([
    ['00:10:00', 600_000],
    ['01:00:30', 3_630_000],
    ['1.00:00:00', 86_400_000],
    ['-1', undefined],
    ['soon', undefined],
  ])('reads %s', (functionTimeout, expected) => {
    assert.equal(readFunctionTimeoutMs('/', { AzureFunctionsJobHost__functionTimeout: functionTimeout }), expected)
  })

  it('reads host.json, unless a variable takes its place', async test => {
    const folder = await mkdtemp(join(tmpdir(), 'host-json-'))
    test.onTestFinished(() => rm(folder, { recursive: true }))
    assert.equal(readFunctionTimeoutMs(folder, {}), undefined)
    await writeFile(join(folder, 'host.json'), '{"version": "2.0", "functionTimeout": "00:02:00"}')
    assert.equal(readFunctionTimeoutMs(folder, {}), 120_000)
    assert.equal(readFunctionTimeoutMs(folder, { AzureFunctionsJobHost__functionTimeout: '00:03:00' }), 180_000)
  })
})
