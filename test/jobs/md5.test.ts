import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { md5 } from '../../src/jobs/md5.ts'

describe('md5', () => {
  // RFC 1321, appendix A.5; the last by `head -c 1000000 /dev/zero | md5sum`
  it.each([
    [Buffer.from(''), 'd41d8cd98f00b204e9800998ecf8427e'],
    [Buffer.from('message digest'), 'f96b697d7cb7938d525a2f31aaf161d0'],
    [Buffer.alloc(1_000_000), '879f4bba57ed37c9ec5e5aedf9864698'],
  ])('is that of RFC 1321, whatever the size', async (content, expected) => {
    assert.equal(Buffer.from(await md5(content)).toString('hex'), expected)
  })
})
