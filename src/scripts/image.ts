import type { Tensor } from '../tensor/tensor.ts'

export type ImageFormat = 'png' | 'jpeg'

/** Options for turning a picture into a tensor. */
export interface ImageOptions {
  /** Size of the result in pixels; default: the picture's own. */
  readonly width?: number
  readonly height?: number
  /** 1: brightness, 3: red, green, blue. Default 3. */
  readonly channels?: 1 | 3
  /**
   * Handling of another aspect ratio, as in CSS `object-fit`: `fill` (default) stretches, `cover` crops around the centre,
   * `contain` adds borders in the background colour.
   */
  readonly fit?: 'fill' | 'cover' | 'contain'
  /** Interpolation; all kernels but `nearest` average when shrinking. Default `linear`, like torchvision's `Resize`. */
  readonly kernel?: 'nearest' | 'linear' | 'cubic' | 'lanczos3'
  /** Order of the axes, without a row axis. Default `HWC`; `HW` is for one channel. */
  readonly layout?: 'HW' | 'HWC' | 'CHW'
  /** `uint8` returns bytes from 0 to 255; `float32` (default) returns (byte * scale - mean) / std. */
  readonly dtype?: 'float32' | 'uint8'
  /** Default 1/255. */
  readonly scale?: number
  /** One number, or one per channel, in units after scaling. Defaults 0 and 1. */
  readonly mean?: number | readonly number[]
  readonly std?: number | readonly number[]
  /** Colour behind transparent pixels and around a contained picture: red, green, blue from 0 to 255. Default black. */
  readonly background?: readonly [red: number, green: number, blue: number]
  /** Accepted formats, recognised by the first bytes. Default both. */
  readonly formats?: readonly ImageFormat[]
  /** Largest number of pixels, checked in the header before anything is decoded. Default 16 million. */
  readonly maxPixels?: number
}

/**
 * Decodes a picture to a tensor of shape [height, width], [height, width, channels] or [channels, height, width].
 * Colours are converted to 8-bit sRGB from whatever the file holds (palette, 16 bits, grey, CMYK, a colour profile), the
 * camera's rotation is applied, and of an animation the first picture is used.
 *
 * @throws ScoringError IMAGE_NOT_DECODABLE or IMAGE_TOO_LARGE for the caller's bytes, TypeError for wrong options
 */
export type DecodeImage = (bytes: Uint8Array, options?: ImageOptions) => Promise<Tensor>

let decoder: DecodeImage | undefined

/** Called by the worker: the image library belongs to an adapter. */
export function installImageDecoder(decode: DecodeImage): void {
  decoder = decode
}

export const decodeImage: DecodeImage = async (bytes, options) => {
  if (!decoder) throw new Error('decodeImage only works in entry scripts of a running service')
  return decoder(bytes, options)
}
