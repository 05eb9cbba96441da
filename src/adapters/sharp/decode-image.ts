import type { Sharp } from 'sharp'
import { ScoringError } from '../../errors.ts'
import type { DecodeImage, ImageFormat } from '../../scripts/image.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { type CheckedImageOptions, checkImageOptions } from './image-options.ts'
import { pixelsToTensor } from './pixels-to-tensor.ts'
import { pngSignature, withoutTexts } from './png-chunks.ts'

type SharpFactory = typeof import('sharp').default

let sharp: Promise<SharpFactory> | undefined

/** Loads the library at the first picture, so that only scripts that decode pictures need it installed. */
async function loadSharp(): Promise<SharpFactory> {
  const { default: factory } = await import('sharp').catch(cause => {
    const [why] = String((cause as Error)?.message ?? cause).split('\n')
    const message = `decodeImage needs the package "sharp", which cannot be loaded: ${why}; run npm ci on this system`
    throw new Error(message, { cause })
  })
  // Pictures come one by one and never twice, and SCORING_MAX_THREADS plans the machine's threads.
  factory.concurrency(1)
  factory.cache(false)
  return factory
}

/** Decodes pictures with sharp (libvips), which computes in threads of its own. */
export const decodeImageWithSharp: DecodeImage = async (file, options = {}) => {
  const checked = checkImageOptions(options)
  const format = sniff(file, checked)
  const bytes = format === 'png' ? withoutTexts(file) : file
  sharp ??= loadSharp()
  const factory = await sharp
  const { width, height } = await readHeader(factory, bytes, format, checked.maxPixels)
  const { width: wide = width, height: high = height, fit, kernel, channels, background } = checked
  const [r, g, b] = background
  const pipeline = factory(bytes, { failOn: 'error', limitInputPixels: checked.maxPixels })
    .autoOrient()
    .flatten({ background: { r, g, b } })
    // A JPEG decoded at half its size is quicker, but its pixels differ from those a model was trained on.
    .resize(wide, high, { fit, kernel, background: { r, g, b }, fastShrinkOnLoad: false })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .grayscale(channels === 1)
  const { data, info } = await decodePixels(pipeline, format)
  const pixels = info.channels === channels ? data : repeated(data, channels)
  return new Tensor(checked.dtype, ...pixelsToTensor(pixels, info.height, info.width, checked))
}

/** No JPEG can be longer. A PNG that is a line of millions is more than libvips can shrink at once. */
const maxSide = 65_535

const signatures: Record<ImageFormat, Uint8Array> = {
  png: pngSignature,
  jpeg: Uint8Array.of(0xff, 0xd8, 0xff),
}

/** Tells the format by the first bytes, not by the caller's media type; other formats never reach their decoders. */
function sniff(bytes: Uint8Array, { formats }: CheckedImageOptions): ImageFormat {
  const format = formats.find(each => signatures[each].every((byte, index) => bytes[index] === byte))
  if (format) return format
  const taken = formats.map(each => each.toUpperCase()).join(' or ')
  throw notDecodable(bytes.length === 0 ? `there are no bytes; send ${taken}` : `the bytes do not begin as ${taken}`)
}

/** Reads the size after the camera's rotation, from the header alone. */
async function readHeader(
  factory: SharpFactory,
  bytes: Uint8Array,
  format: ImageFormat,
  maxPixels: number,
): Promise<{ width: number; height: number }> {
  const name = format.toUpperCase()
  const header = await factory(bytes, { failOn: 'error', limitInputPixels: false })
    .metadata()
    .catch(() => {
      throw notDecodable(`the header of the ${name} is damaged`)
    })
  // Bytes that are two things at once must not reach the other thing's decoder.
  if (header.format !== format) throw notDecodable(`the bytes begin as ${name}, but go on as something else`)
  const { width, height } = header
  if (width * height > maxPixels || Math.max(width, height) > maxSide) {
    throw new ScoringError(
      'IMAGE_TOO_LARGE',
      `the ${name} has ${width} x ${height} pixels, at most ${maxPixels} are decoded and ${maxSide} a side; send a smaller picture`,
    )
  }
  return header.autoOrient
}

function decodePixels(pipeline: Sharp, format: ImageFormat) {
  return pipeline
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch(() => {
      throw notDecodable(`the data of the ${format.toUpperCase()} is damaged or cut short`)
    })
}

function notDecodable(why: string): ScoringError {
  return new ScoringError('IMAGE_NOT_DECODABLE', `The image cannot be decoded: ${why}.`)
}

/** Repeats grey in as many channels as asked for. */
function repeated(grey: Uint8Array, channels: number): Uint8Array {
  const pixels = new Uint8Array(grey.length * channels)
  for (let index = 0; index < pixels.length; index++) pixels[index] = grey[Math.floor(index / channels)] as number
  return pixels
}
