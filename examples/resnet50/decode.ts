/**
 * The first stage of `resnet50`: what callers send, as the rows that the network takes.
 *
 * Takes    one image as PNG or JPEG bytes, of any size: its middle, scaled to 224x224;
 *          or 3x224x224 float32 an image, red, green, blue, from -1 (dark) to 1: what `image_client.py -s INCEPTION` of Triton sends.
 */
import { type BodyToDecode, decodeImage, Tensor, tensor } from 'scoring-functions'

const size = 224
const blank = Array.from({ length: 3 }, () => Array.from({ length: size }, () => new Array(size).fill(0)))

/** Tensors of this shape go on to the network as they are. */
export const input = tensor([blank], 'float32')

/** Media types that `decode` reads, `image/*` for whatever else people call them. */
export const accepts = ['image/png', 'image/jpeg', 'image/*', 'application/octet-stream']

/** One image as a row: (byte - 127.5) / 127.5. */
export async function decode({ bytes }: BodyToDecode) {
  const { data } = await decodeImage(bytes, {
    ...{ width: size, height: size, fit: 'cover', layout: 'CHW' },
    ...{ scale: 1 / 127.5, mean: 1, std: 1 },
  })
  return new Tensor('float32', data as Float32Array, [1, 3, size, size])
}
