import assert from 'node:assert/strict'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, it } from 'vitest'
import { decodeImageWithSharp as decodeImage } from '../../src/adapters/sharp/decode-image.ts'
import { withoutTexts } from '../../src/adapters/sharp/png-chunks.ts'
import { chunk, pngOf } from '../support/png-writer.ts'

const data = deflateSync(Buffer.from([0, 10, 20, 0, 30, 40])) // two rows of two grey pixels, unfiltered
const plain = pngOf(2, 2, data)

/** 4 MB of text in 4 KB. */
const packed = deflateSync(Buffer.alloc(4_000_000, 'a'), { level: 9 })
const texts = [
  chunk('tEXt', Buffer.from('Author\0somebody')),
  chunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0'), packed])),
  chunk('iTXt', Buffer.concat([Buffer.from('Title\0\x01\0\0\0'), packed])),
  chunk('sPLT', Buffer.alloc(1000)),
  chunk('abCd', Buffer.alloc(10)), // a private chunk
]

describe('withoutTexts', () => {
  it('leaves out what is no part of the picture, and nothing else', () => {
    assert.deepEqual(Buffer.from(withoutTexts(pngOf(2, 2, data, texts))), Buffer.from(plain))
    const gamma = chunk('gAMA', Buffer.from([0, 0, 0xb1, 0x8f]))
    const withGamma = pngOf(2, 2, data, [gamma])
    assert.equal(withoutTexts(withGamma), withGamma)
    assert.deepEqual(
      Buffer.from(withoutTexts(pngOf(2, 2, data, [gamma, ...texts, gamma]))),
      Buffer.from(withGamma),
      'a second gAMA is not allowed either',
    )
  })

  it('gives bytes back as they are where there is nothing to leave out, at every length', () => {
    for (let length = 8; length <= plain.length; length++) {
      const cut = plain.subarray(0, length)
      assert.equal(withoutTexts(cut), cut)
    }
    const endless = pngOf(2, 2, data, [chunk('zTXt', Buffer.alloc(5))])
    endless.set([0xff, 0xff, 0xff, 0xff], 8 + 25) // the text says that it has 4 GB
    assert.equal(withoutTexts(endless), endless)
  })

  it('spares the decoder texts that unpack to much: it sees none', async () => {
    const bomb = pngOf(2, 2, data, new Array(20).fill(texts[1]))
    assert.equal((await sharp(bomb).metadata()).comments?.length, 20, 'the library would read them all')
    assert.deepEqual((await decodeImage(bomb, { channels: 1, dtype: 'uint8' })).data, Uint8Array.of(10, 20, 30, 40))
    assert.equal((await sharp(withoutTexts(bomb)).metadata()).comments, undefined)
  })
})
