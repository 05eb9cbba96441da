import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'vitest'
import { statusOf } from '../src/errors.ts'

describe('guide/errors.md', () => {
  it('lists every code with its status, once', () => {
    const rows = readFileSync('guide/errors.md', 'utf8').matchAll(/^\| `([A-Z0-9_]+)` \| (\d+) \|/gm)
    const listed = [...rows].map(([, code = '', status]) => [code, Number(status)] as const).sort()
    assert.deepEqual(listed, Object.entries(statusOf).sort())
  })
})
