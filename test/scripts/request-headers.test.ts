import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { titledHeaders } from '../../src/scripts/request-headers.ts'

describe('titledHeaders', () => {
  it("gives names as Python's str.title does", () => {
    // CPython 3.11: each name.title()
    const names = ['content-type', 'x-2nd-tHing3', 'ETAG', "x-o'neil", 'x--a', 'x.y-z1b', 'dnt', '1a']
    const titled = ['Content-Type', 'X-2Nd-Thing3', 'Etag', "X-O'Neil", 'X--A', 'X.Y-Z1B', 'Dnt', '1A']
    assert.deepEqual(
      titledHeaders(names.map(name => [name, `the ${name}`])),
      Object.fromEntries(names.map((name, index) => [titled[index], `the ${name}`])),
    )
  })
})
