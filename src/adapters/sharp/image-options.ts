import type { ImageOptions } from '../../scripts/image.ts'

/** Options with their defaults. */
export interface CheckedImageOptions extends Required<Omit<ImageOptions, 'width' | 'height' | 'mean' | 'std'>> {
  readonly width: number | undefined
  readonly height: number | undefined
  /** One number per channel. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

const choices = {
  channels: [1, 3],
  fit: ['fill', 'cover', 'contain'],
  kernel: ['nearest', 'linear', 'cubic', 'lanczos3'],
  layout: ['HW', 'HWC', 'CHW'],
  dtype: ['float32', 'uint8'],
} as const
const known = [...Object.keys(choices), 'width', 'height', 'scale', 'mean', 'std', 'background', 'formats', 'maxPixels']

/** @throws TypeError naming the option that is wrong: the entry script's fault */
export function checkImageOptions(options: ImageOptions): CheckedImageOptions {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new TypeError(`decodeImage has no option "${name}"; known: ${known.join(', ')}`)
  }
  const { channels = 3, dtype = 'float32' } = options
  const checked: CheckedImageOptions = {
    width: options.width,
    height: options.height,
    channels,
    dtype,
    fit: options.fit ?? 'fill',
    kernel: options.kernel ?? 'linear',
    layout: options.layout ?? 'HWC',
    scale: options.scale ?? 1 / 255,
    mean: perChannel('mean', options.mean ?? 0, channels),
    std: perChannel('std', options.std ?? 1, channels),
    background: options.background ?? [0, 0, 0],
    formats: options.formats ?? ['png', 'jpeg'],
    maxPixels: options.maxPixels ?? 16_000_000,
  }
  for (const [name, values] of Object.entries(choices)) {
    const value = checked[name as keyof typeof choices]
    if (!(values as readonly unknown[]).includes(value)) throw wrong(name, `one of ${values.join(', ')}`)
  }
  for (const name of ['width', 'height', 'maxPixels'] as const) {
    const value = checked[name]
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) throw wrong(name, 'a whole number above 0')
  }
  if (!Number.isFinite(checked.scale)) throw wrong('scale', 'a number')
  if (checked.std.includes(0)) throw wrong('std', 'other than 0')
  if (checked.layout === 'HW' && channels !== 1) throw wrong('layout', 'HWC or CHW for 3 channels')
  if (dtype === 'uint8' && [options.scale, options.mean, options.std].some(value => value !== undefined))
    throw wrong('dtype', 'float32 where scale, mean or std are given')
  const isByte = (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 256
  if (!isList(checked.background, isByte) || checked.background.length !== 3)
    throw wrong('background', 'three whole numbers from 0 to 255')
  if (!isList(checked.formats, value => value === 'png' || value === 'jpeg') || checked.formats.length === 0)
    throw wrong('formats', "a list of 'png', 'jpeg'")
  return checked
}

function perChannel(name: string, value: number | readonly number[], channels: number): readonly number[] {
  const list = typeof value === 'number' ? new Array<number>(channels).fill(value) : value
  if (isList(list, Number.isFinite) && list.length === channels) return list
  throw wrong(name, `a number or a list of ${channels}, one per channel`)
}

function isList(value: unknown, isEntry: (entry: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isEntry)
}

function wrong(name: string, expected: string): TypeError {
  return new TypeError(`decodeImage: ${name} must be ${expected}`)
}
