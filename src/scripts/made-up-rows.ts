/** Makes up rows that differ as much as a model accepts, so that a row that affects another's answer is noticed. */
import type { Feeds, TensorInfo } from '../models/session/model-session.ts'
import { allocate, type Dtype, type TensorData } from '../tensor/dtype.ts'
import { splitRows } from '../tensor/rows.ts'
import { elementCount, isOpen } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { countRows } from './row-feeds.ts'
import { hasEqualRows } from './row-sharing.ts'

/**
 * How much values differ, widest first. A model may reject wide values, such as large indices or unknown categories, and
 * accept narrower ones.
 */
export const spreads = ['wide', 'narrow', 'least'] as const
export type Spread = (typeof spreads)[number]

/** Returns sizes to try for open inner dimensions: some models accept no small sizes, some only one. */
export function candidateSizes(inputs: readonly TensorInfo[]): readonly number[] {
  return inputs.some(({ shape }) => shape?.slice(1).some(isOpen)) ? [3, 1, 32] : [1]
}

/** Rows of the owner's sample, from which others are made. */
export interface Sample {
  /** The rows, one by one. */
  readonly rows: readonly Feeds[]
  readonly whole: Feeds
}

/** @returns undefined when the inputs do not all have the same number of rows, at least one */
export function splitSample(feeds: Feeds): Sample | undefined {
  if (!hasEqualRows(feeds)) return undefined
  const cut = Object.entries(feeds).map(
    ([name, tensor]) => [name, splitRows(tensor, new Array(tensor.rowCount).fill(1))] as const,
  )
  const rows = Array.from({ length: countRows(feeds) }, (_, index) =>
    Object.fromEntries(cut.map(([name, parts]) => [name, parts[index] as Tensor])),
  )
  return { rows, whole: feeds }
}

/**
 * Makes up a row from the declared types alone.
 *
 * @param openSize  size of each open dimension
 * @param step  0, 1, 2, …: each returns another row
 */
export function madeUpRow(inputs: readonly TensorInfo[], openSize: number, spread: Spread, step: number): Feeds {
  const sizes = ({ shape = [1] }: TensorInfo) =>
    shape.map((size, axis) => (axis === 0 ? 1 : typeof size === 'number' && size >= 0 ? size : openSize))
  return fillInputs(inputs, sizes, spread, step)
}

/** Makes up tensors for profiling: fractions, 0 and 1 (safe as indices) and empty texts, with one row unless the inputs fix more. */
export function syntheticRow(inputs: readonly TensorInfo[]): Feeds {
  const sizes = ({ shape = [] }: TensorInfo) => shape.map(size => (typeof size === 'number' && size > 0 ? size : 1))
  return fillInputs(inputs, sizes, 'least', 0)
}

function fillInputs(
  inputs: readonly TensorInfo[],
  sizes: (input: TensorInfo) => number[],
  spread: Spread,
  step: number,
): Feeds {
  return Object.fromEntries(
    inputs.map(input => {
      const shape = sizes(input)
      const data = allocate(input.dtype, elementCount(shape))
      fill(data, index => madeUpValue(input.dtype, spread, step, index))
      return [input.name, new Tensor(input.dtype, data, shape)]
    }),
  )
}

/** Varies a row of a sample, within its values or, if `wide`, beyond them. The first row is the sample's own. */
export function variedRow({ rows, whole }: Sample, spread: Spread, step: number): Feeds {
  const row = rows[step % rows.length] as Feeds
  if (step === 0) return row
  return Object.fromEntries(
    Object.entries(row).map(([name, { dtype, data, shape }]) => {
      const varied = allocate(dtype, data.length)
      const vary = makeVarier(dtype, (whole[name] as Tensor).data, spread, step)
      fill(varied, index => vary(data[index] as never, index))
      return [name, new Tensor(dtype, varied, shape)]
    }),
  )
}

type Value = number | bigint | string

function fill(data: TensorData, valueAt: (index: number) => Value): void {
  for (let index = 0; index < data.length; index++) (data as Value[])[index] = valueAt(index)
}

/** Factors for wide numbers. */
const factors = [1, -2, 40, -0.05, 900, -7]

function madeUpValue(dtype: Dtype, spread: Spread, step: number, index: number): Value {
  const share = noise(step, index)
  if (isFloat(dtype)) return spread === 'wide' ? pickFactor(step) * (0.1 + share) : 0.05 + 0.9 * share
  if (dtype === 'string') {
    if (spread === 'wide') return `row ${step} ${index}`
    return spread === 'narrow' ? pick(['a', 'b'], share) : ''
  }
  if (dtype === 'bool' || spread === 'least') return toInteger(dtype, (step + index) % 2)
  const span = spread === 'narrow' ? 8 : dtype === 'uint8' ? 256 : 100
  // Rows of a single value must differ too.
  return toInteger(dtype, (step * 7 + index * 3 + Math.floor(share * 5)) % span)
}

/** @param all  all values of the sample */
function makeVarier(
  dtype: Dtype,
  all: TensorData,
  spread: Spread,
  step: number,
): (value: Value, index: number) => Value {
  const share = (index: number) => noise(step, index)
  if (spread === 'least') return value => value
  if (isFloat(dtype)) {
    const largest = findLargest(all as Float64Array)
    const limit = dtype === 'float16' ? 60_000 : Number.MAX_VALUE
    return (value, index) => {
      if (spread === 'narrow') return Number(value) + largest * 0.2 * (share(index) - 0.5)
      const varied = pickFactor(step) * (Number(value) + largest * (0.1 + share(index)))
      return Math.max(-limit, Math.min(limit, varied))
    }
  }
  if (dtype === 'string') {
    const texts = all as string[]
    return (value, index) => (spread === 'wide' ? `${value} ${step} ${index}` : pick(texts, share(index)))
  }
  if (dtype === 'bool') return (value, index) => (Number(value) + step + Math.round(share(index))) % 2
  const values = Array.from(all as ArrayLike<number | bigint>, Number)
  const lowest = values.reduce((one, other) => Math.min(one, other))
  const highest = values.reduce((one, other) => Math.max(one, other), spread === 'wide' ? 99 : lowest)
  const span = highest - lowest + 1
  if (!Number.isSafeInteger(lowest) || !Number.isSafeInteger(span)) return value => value
  return (value, index) =>
    toInteger(dtype, lowest + ((Number(value) - lowest + step * 7 + Math.floor(share(index) * span)) % span))
}

/** Returns the largest finite magnitude, or 1 if all values are 0. */
function findLargest(values: Float64Array): number {
  let largest = 0
  for (const value of values) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value))
  return largest || 1
}

function isFloat(dtype: Dtype): boolean {
  return dtype.startsWith('float')
}

function toInteger(dtype: Dtype, value: number): number | bigint {
  return dtype === 'int64' || dtype === 'uint64' ? BigInt(value) : value
}

function pickFactor(step: number): number {
  return factors[step % factors.length] as number
}

function pick(texts: readonly string[], share: number): string {
  return texts[Math.floor(share * texts.length)] ?? ''
}

/** Returns a reproducible pseudo-random number from 0 (inclusive) to 1 (exclusive). */
function noise(step: number, index: number): number {
  let bits = Math.imul(step + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d)
  return ((bits ^ (bits >>> 12)) >>> 0) / 2 ** 32
}
