import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'

/** Run by a Node.js of its own, whose packages can be taken away. */
const program = `
import { registerHooks } from 'node:module'
registerHooks({ resolve: (specifier, context, next) => next(specifier === 'sharp' ? 'sharp-is-not-here' : specifier, context) })
const { decodeImageWithSharp } = await import('./src/adapters/sharp/decode-image.ts')
const { greyPng } = await import('./test/support/png-writer.ts')
await decodeImageWithSharp(greyPng([[1]])).catch(error => console.log(String(error)))
`

describe('decodeImage', () => {
  it('says that its library is missing, and how to get it', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program])
    assert.match(
      stdout,
      /^Error: decodeImage needs the package "sharp", which cannot be loaded: Cannot find package .*; run npm ci on this system$/m,
    )
  })
})
