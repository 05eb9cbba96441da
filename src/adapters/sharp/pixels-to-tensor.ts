import type { Shape } from '../../tensor/shape.ts'
import type { CheckedImageOptions } from './image-options.ts'

/**
 * Puts decoded pixels into the layout and the numbers that a model takes.
 *
 * @param pixels  bytes of shape [height, width, channels]
 * @returns data and shape of a tensor
 */
export function pixelsToTensor(
  pixels: Uint8Array,
  height: number,
  width: number,
  { channels, layout, dtype, scale, mean, std }: CheckedImageOptions,
): [data: Uint8Array | Float32Array, shape: Shape] {
  const area = height * width
  const data = dtype === 'uint8' ? new Uint8Array(pixels.length) : new Float32Array(pixels.length)
  const isPlanar = layout === 'CHW'
  for (let channel = 0; channel < channels; channel++) {
    // There are 256 bytes, so each number is computed once.
    const values = Float64Array.from({ length: 256 }, (_, byte) =>
      dtype === 'uint8' ? byte : (byte * scale - (mean[channel] as number)) / (std[channel] as number),
    )
    const first = isPlanar ? channel * area : channel
    const step = isPlanar ? 1 : channels
    for (let pixel = 0; pixel < area; pixel++) {
      data[first + pixel * step] = values[pixels[pixel * channels + channel] as number] as number
    }
  }
  if (layout === 'HW') return [data, [height, width]]
  return [data, isPlanar ? [channels, height, width] : [height, width, channels]]
}
