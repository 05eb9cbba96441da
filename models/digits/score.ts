/**
 * Tells handwritten digits.
 *
 * Takes    {"data": [[[0, 2, 13, ...], ...], ...]}: 8x8 pixels an image, from 0 (blank) to 16 (ink);
 *          or one image as PNG or JPEG bytes, of any size: bright ink on dark, as the data the model learned from.
 *          A photo of dark ink on paper has to be inverted first; nothing here guesses which it is.
 * Returns  [[0.01, 0.97, ...], ...]: the probabilities of 0 to 9 for each image
 */

import { type BodyToDecode, decodeImage, type InitContext, type ModelSession, Tensor, tensor } from 'scoring-functions'

let digits: ModelSession

const blank = Array.from({ length: 8 }, () => new Array(8).fill(0))

export const input = tensor([blank], 'float32')

export async function init({ loadModel }: InitContext) {
  digits = await loadModel('digits')
}

/** Media types that `decode` reads, `image/*` for whatever else people call them; JSON goes straight to `run`. */
export const accepts = ['image/png', 'image/jpeg', 'image/*', 'application/octet-stream']

/** What the service's document says of answers: ten numbers a row. Its example is the answer to sample.json. */
export const output = tensor([new Array(10).fill(0)], 'float32')

/**
 * One image as a row. The data's pixels are counts: how many of the 4x4 dots that a pixel stands for have ink. So they
 * are whole numbers, and white is 16.
 */
export async function decode({ bytes }: BodyToDecode) {
  const { data } = await decodeImage(bytes, { width: 8, height: 8, channels: 1, layout: 'HW', dtype: 'uint8' })
  const pixels = Float32Array.from(data as Uint8Array, byte => Math.round((byte / 255) * 16))
  return new Tensor('float32', pixels, [1, 8, 8])
}

/** Called with the rows of one request or of several. */
export async function run({ data }: { data: Tensor }) {
  const { probabilities } = await digits.run({ images: data })
  return probabilities
}
