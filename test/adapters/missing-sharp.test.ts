import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { it } from 'node:test'
import { decodeImageWithSharp as decodeImage } from '../../src/adapters/sharp/decode-image.ts'
import { greyPng } from '../support/png-writer.ts'

it('decodeImage says that its library is missing, and how to get it', async test => {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => next(specifier === 'sharp' ? 'sharp-is-not-here' : specifier, context),
  })
  test.after(() => hooks.deregister())
  await assert.rejects(
    decodeImage(greyPng([[1]])),
    /^Error: decodeImage needs the package "sharp", which cannot be loaded: Cannot find package .*; run npm ci on this system$/,
  )
})
