import type { Tensor } from '../tensor/tensor.ts'

export type ImageFormat = 'png' | 'jpeg'

/** How a picture becomes numbers. */
export interface ImageOptions {
  /** Pixels of the result; the picture's own where left out. */
  readonly width?: number
  readonly height?: number
  /** 1: brightness, 3: red, green, blue. Default 3. */
  readonly channels?: 1 | 3
  /**
   * What becomes of another aspect ratio, as CSS `object-fit` has it: `fill` (default) stretches, `cover` cuts off what
   * lies outside, around the centre, `contain` adds borders of the background.
   */
  readonly fit?: 'fill' | 'cover' | 'contain'
  /** How pixels are interpolated; all but `nearest` average when they shrink. Default `linear`, as torchvision's `Resize`. */
  readonly kernel?: 'nearest' | 'linear' | 'cubic' | 'lanczos3'
  /** Order of the axes, without a row axis. Default `HWC`; `HW` is for one channel. */
  readonly layout?: 'HW' | 'HWC' | 'CHW'
  /** `uint8` gives bytes 0 to 255; `float32` (default) gives (byte * scale - mean) / std. */
  readonly dtype?: 'float32' | 'uint8'
  /** Default 1/255. */
  readonly scale?: number
  /** One number, or one per channel, in units after scaling. Defaults 0 and 1. */
  readonly mean?: number | readonly number[]
  readonly std?: number | readonly number[]
  /** What lies behind transparent pixels and beside a contained picture: red, green, blue from 0 to 255. Default black. */
  readonly background?: readonly [red: number, green: number, blue: number]
  /** Formats that are taken, found by the first bytes. Default both. */
  readonly formats?: readonly ImageFormat[]
  /** Most pixels that a picture may have; its header is asked before anything is decoded. Default 16 million. */
  readonly maxPixels?: number
}

/**
 * Decodes a picture to a tensor of shape [height, width], [height, width, channels] or [channels, height, width].
 * Colours come as 8-bit sRGB, whatever the file holds (palette, 16 bits, grey, CMYK, a colour profile); the camera's
 * rotation is applied; of an animation the first picture counts.
 *
 * @throws ScoringError IMAGE_NOT_DECODABLE or IMAGE_TOO_LARGE for the caller's bytes, TypeError for wrong options
 */
export type DecodeImage = (bytes: Uint8Array, options?: ImageOptions) => Promise<Tensor>

let decoder: DecodeImage | undefined

/** The library behind it is an adapter's; the thread that runs scripts puts it in. */
export function installImageDecoder(decode: DecodeImage): void {
  decoder = decode
}

export const decodeImage: DecodeImage = async (bytes, options) => {
  if (!decoder) throw new Error('decodeImage works in a scoring thread only, where the app has its image library')
  return decoder(bytes, options)
}
