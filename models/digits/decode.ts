/**
 * The first stage of `digits`: what callers send, as the rows that the model takes.
 *
 * Takes    {"data": [[[0, 2, 13, ...], ...], ...]}: 8x8 pixels an image, from 0 (blank) to 16 (ink);
 *          or one image as PNG or JPEG bytes, of any size: bright ink on dark, as the data the model learned from.
 *          A photo of dark ink on paper has to be inverted first; nothing here guesses which it is.
 */

import { type BodyToDecode, decodeImage, Tensor, tensor } from 'scoring-functions'

const blank = Array.from({ length: 8 }, () => new Array(8).fill(0))

/** JSON of this kind goes on to the model as it is. */
export const input = tensor([blank], 'float32')

/** Media types that `decode` reads, `image/*` for whatever else people call them. */
export const accepts = ['image/png', 'image/jpeg', 'image/*', 'application/octet-stream']

/**
 * One image as a row. The data's pixels are counts: how many of the 4x4 dots that a pixel stands for have ink. So they
 * are whole numbers, and white is 16.
 */
export async function decode({ bytes }: BodyToDecode) {
  const { data } = await decodeImage(bytes, { width: 8, height: 8, channels: 1, layout: 'HW', dtype: 'uint8' })
  const pixels = Float32Array.from(data as Uint8Array, byte => Math.round((byte / 255) * 16))
  return new Tensor('float32', pixels, [1, 8, 8])
}
