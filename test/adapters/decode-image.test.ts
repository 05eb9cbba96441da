import assert from 'node:assert/strict'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, it } from 'vitest'
import { decodeImageWithSharp as decodeImage } from '../../src/adapters/sharp/decode-image.ts'
import { ScoringError } from '../../src/errors.ts'
import type { ImageOptions } from '../../src/scripts/image.ts'
import { binaryInputs, bytesOf } from '../support/binary-inputs.ts'
import { greyPng, pngOf } from '../support/png-writer.ts'

const grey: ImageOptions = { channels: 1, layout: 'HW', dtype: 'uint8' }
const ramp = Array.from({ length: 8 }, (_, row) => Array.from({ length: 8 }, (_, column) => row * 32 + column))

async function failureOf(bytes: Uint8Array, options?: ImageOptions): Promise<string> {
  try {
    await decodeImage(bytes, options)
  } catch (failure) {
    assert.ok(failure instanceof ScoringError, String(failure))
    return `${failure.code} ${failure.message}`
  }
  return assert.fail('it was decoded')
}

describe('decodeImage', () => {
  it('gives the very pixels of a PNG that was written by hand', async () => {
    const { dtype, shape, data } = await decodeImage(greyPng(ramp), grey)
    assert.deepEqual([dtype, shape, [...(data as Uint8Array)]], ['uint8', [8, 8], ramp.flat()])
  })

  for (const { name, bytes, pixels, tolerance } of binaryInputs.pictures) {
    it(`sees what Pillow sees in ${name}`, async () => {
      const channels = Array.isArray(pixels[0]?.[0]) ? 3 : 1
      const { shape, data } = await decodeImage(bytesOf(bytes), { channels, dtype: 'uint8' })
      assert.deepEqual(shape, [pixels.length, pixels[0]?.length, channels])
      const expected = pixels.flat(2) as number[]
      // JPEG decoders may round to the next value.
      const allowed = tolerance ?? (name.includes('JPEG') ? 2 : 0)
      for (const [index, value] of (data as Uint8Array).entries())
        assert.ok(Math.abs(value - (expected[index] as number)) <= allowed, `${index}: ${value}, ${expected[index]}`)
    })
  }

  it('lays pixels out by rows or by channels, scaled and normalised', async () => {
    const pixels = Buffer.from([10, 20, 30, 40, 50, 60])
    const png = await sharp(pixels, { raw: { width: 2, height: 1, channels: 3 } })
      .png()
      .toBuffer()
    assert.deepEqual((await decodeImage(png, { dtype: 'uint8' })).data, Uint8Array.of(10, 20, 30, 40, 50, 60))
    const planar = await decodeImage(png, { layout: 'CHW', dtype: 'uint8' })
    assert.deepEqual([planar.shape, planar.data], [[3, 1, 2], Uint8Array.of(10, 40, 20, 50, 30, 60)])
    // ImageNet's numbers, as torchvision's ToTensor and Normalize apply them.
    const [mean, std] = [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ] as const
    const normalised = await decodeImage(png, { layout: 'CHW', mean, std })
    const expected = [10, 40, 20, 50, 30, 60].map((byte, index) => {
      const channel = Math.floor(index / 2)
      return (byte / 255 - (mean[channel] as number)) / (std[channel] as number)
    })
    for (const [index, value] of (normalised.data as Float32Array).entries())
      assert.ok(Math.abs(value - (expected[index] as number)) < 1e-6)
  })

  it('stretches, cuts or borders a picture of another shape', async () => {
    const wide = greyPng([
      [0, 0, 100, 100, 200, 200],
      [0, 0, 100, 100, 200, 200],
    ])
    const at = async (options: ImageOptions) => [
      ...((await decodeImage(wide, { ...grey, ...options })).data as Uint8Array),
    ]
    assert.deepEqual(await at({ width: 2, height: 2, fit: 'cover', kernel: 'nearest' }), [100, 100, 100, 100])
    assert.deepEqual(await at({ width: 3, height: 1, fit: 'fill', kernel: 'nearest' }), [0, 100, 200])
    const bordered = await at({ width: 6, height: 4, fit: 'contain', background: [255, 255, 255] })
    assert.deepEqual(bordered.slice(0, 6), [255, 255, 255, 255, 255, 255])
    assert.deepEqual(bordered.slice(6, 12), [0, 0, 100, 100, 200, 200])
  })

  it('puts a background behind what is transparent', async () => {
    const pixel = Buffer.from([200, 100, 50, 0])
    const png = await sharp(pixel, { raw: { width: 1, height: 1, channels: 4 } })
      .png()
      .toBuffer()
    assert.deepEqual((await decodeImage(png, { dtype: 'uint8' })).data, Uint8Array.of(0, 0, 0))
    const white = await decodeImage(png, { dtype: 'uint8', background: [255, 254, 253] })
    assert.deepEqual(white.data, Uint8Array.of(255, 254, 253))
  })

  it('refuses a bomb by the pixels in its header', async () => {
    const bomb = pngOf(30_000, 30_000, deflateSync(Buffer.alloc(1000)))
    assert.ok(bomb.length < 1000)
    assert.match(
      await failureOf(bomb),
      /^IMAGE_TOO_LARGE the PNG has 30000 x 30000 pixels, at most 16000000 are decoded/,
    )
    assert.match(
      await failureOf(pngOf(1, 65_536, deflateSync(Buffer.alloc(200_000)))),
      /^IMAGE_TOO_LARGE .* 65535 a side/,
    )
    assert.match(await failureOf(greyPng(ramp), { maxPixels: 63 }), /^IMAGE_TOO_LARGE the PNG has 8 x 8 pixels/)
    assert.equal((await decodeImage(greyPng(ramp), { ...grey, maxPixels: 64 })).data.length, 64)
  })

  it('refuses what is cut short or damaged, at every length', async () => {
    const jpeg = await sharp(Buffer.from(ramp.flat()), { raw: { width: 8, height: 8, channels: 1 } })
      .jpeg()
      .toBuffer()
    for (const [whole, step] of [
      [greyPng(ramp), 1],
      [jpeg, 7],
    ] as const) {
      // The last bytes of each only say that it ends.
      for (let length = 0; length < whole.length - 14; length += step)
        assert.match(
          await failureOf(whole.subarray(0, length), grey),
          /^IMAGE_NOT_DECODABLE The image cannot be decoded: /,
        )
    }
    const wrongSum = greyPng(ramp)
    wrongSum[50] = (wrongSum[50] as number) ^ 1
    assert.match(await failureOf(wrongSum), /^IMAGE_NOT_DECODABLE .*damaged or cut short/)
    assert.match(await failureOf(pngOf(0, 0, new Uint8Array(0))), /^IMAGE_NOT_DECODABLE .*header of the PNG is damaged/)
  })

  it('decodes or refuses whatever damaged bytes say, and never fails otherwise', async () => {
    for (const { bytes } of binaryInputs.pictures) {
      const whole = bytesOf(bytes)
      for (let run = 0; run < 40; run++) {
        const damaged = whole.slice()
        // Past the first bytes, or it would be no picture at all.
        for (let at = 8 + run; at < damaged.length; at += 97)
          damaged[at] = ((damaged[at] as number) + 1 + run * 5) % 256
        await decodeImage(damaged, { ...grey, width: 8, height: 8 }).then(
          ({ shape }) => assert.deepEqual(shape, [8, 8]),
          failure => assert.ok(failure instanceof ScoringError, String(failure)),
        )
      }
    }
  })

  it('goes by the bytes, and opens no other format', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'
    const others = [svg, '%PDF-1.4\n', 'GIF89a\x01\x00\x01\x00', 'II*\x00\x08\x00\x00\x00', '{"data": [[1]]}']
    for (const text of others) assert.match(await failureOf(Buffer.from(text, 'latin1')), /do not begin as PNG or JPEG/)
    assert.match(await failureOf(new Uint8Array(0)), /there are no bytes; send PNG or JPEG/)
    assert.match(await failureOf(greyPng(ramp), { formats: ['jpeg'] }), /do not begin as JPEG\.$/)
    const polyglots = [Buffer.from([0xff, 0xd8, 0xff]), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])]
    for (const signature of polyglots)
      assert.match(await failureOf(Buffer.concat([signature, Buffer.from(svg)])), /^IMAGE_NOT_DECODABLE/)
  })

  it('decodes a picture of one pixel', async () => {
    assert.deepEqual((await decodeImage(greyPng([[77]]), grey)).data, Uint8Array.of(77))
    const { data } = await decodeImage(greyPng([[77]]), { ...grey, width: 8, height: 8 })
    assert.deepEqual(data, new Uint8Array(64).fill(77))
  })

  it('names a wrong option, which is the script’s fault', async () => {
    const cases: [object, RegExp][] = [
      [{ widht: 8 }, /no option "widht"/],
      [{ width: 0 }, /width must be a whole number above 0/],
      [{ channels: 2 }, /channels must be one of 1, 3/],
      [{ layout: 'HW' }, /layout must be HWC or CHW for 3 channels/],
      [{ mean: [1, 2] }, /mean must be a number or a list of 3/],
      [{ std: 0 }, /std must be other than 0/],
      [{ dtype: 'uint8', scale: 1 }, /dtype must be float32 where/],
      [{ background: [0, 0, 256] }, /background must be three/],
      [{ formats: ['gif'] }, /formats must be a list/],
    ]
    for (const [options, message] of cases)
      await assert.rejects(decodeImage(greyPng(ramp), options), { name: 'TypeError', message })
  })
})
