import { NotProven } from './not-proven.ts'
import type { OperatorCall } from './operator-call.ts'
import type { Shape } from './row-state.ts'
import { literal, literalValue, type Size, type SymbolTable } from './symbolic-size.ts'

/** The windows along the spatial axes (ONNX, Conv and the pools): one entry an axis, pads for both ends. */
interface Windows {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly pads: readonly number[]
  readonly autoPad: string
  readonly isRoundedUp: boolean
}

export function readWindows(call: OperatorCall, kernel: readonly number[]): Windows {
  const axes = kernel.length
  return {
    kernel,
    strides: call.ints('strides') ?? Array(axes).fill(1),
    dilations: call.ints('dilations') ?? Array(axes).fill(1),
    pads: call.ints('pads') ?? Array(2 * axes).fill(0),
    autoPad: call.text('auto_pad', 'NOTSET'),
    isRoundedUp: call.int('ceil_mode', 0) !== 0,
  }
}

/** @returns the kernel's shape as the attribute or else the weights (their axes from 2 on) give it */
export function kernelShape(call: OperatorCall, weights: Shape | undefined): number[] | undefined {
  const declared = call.ints('kernel_shape')
  if (declared) return declared
  const sizes = weights?.slice(2).map(literalValue)
  return sizes?.every(size => size !== undefined) ? (sizes as number[]) : undefined
}

/** Counts the windows along each spatial axis; an open symbol where that cannot be computed. */
export function windowCounts(symbols: SymbolTable, spatial: Shape, windows: Windows | undefined): Shape {
  if (!windows) return spatial.map(() => symbols.unknownSize())
  if (windows.kernel.length !== spatial.length) throw new NotProven('has windows of another rank than its input')
  return spatial.map((size, axis) => windowCount(size, axis, windows) ?? symbols.unknownSize())
}

function windowCount(size: Size, axis: number, windows: Windows): Size | undefined {
  const kernel = windows.kernel[axis] ?? Number.NaN
  const stride = windows.strides[axis] ?? Number.NaN
  const dilation = windows.dilations[axis] ?? Number.NaN
  const length = literalValue(size)
  if (windows.autoPad.startsWith('SAME_')) {
    if (stride === 1) return size
    return known(length === undefined ? undefined : Math.ceil(length / stride))
  }
  const pads = windows.autoPad === 'VALID' ? [0, 0] : [windows.pads[axis], windows.pads[axis + windows.kernel.length]]
  const padded = (pads[0] ?? Number.NaN) + (pads[1] ?? Number.NaN)
  const reach = dilation * (kernel - 1)
  if (stride === 1 && padded === reach) return size
  if (length === undefined) return undefined
  const steps = (length + padded - reach - 1) / stride
  // Runtimes differ in whether a last window that begins in the padding counts: rounding up is computed only where it rounds nothing.
  if (windows.isRoundedUp && !Number.isInteger(steps)) return undefined
  return known(Math.floor(steps) + 1)
}

/** Computes the sizes after ConvTranspose: `stride · (in − 1) + output_padding + dilation · (kernel − 1) + 1 − pads`. */
export function transposedCounts(call: OperatorCall, spatial: Shape, windows: Windows | undefined): Shape {
  const axes = spatial.length
  const declared = call.ints('output_shape')
  if (declared && declared.length >= axes) return declared.slice(-axes).map(literal)
  const extra = call.ints('output_padding') ?? Array(axes).fill(0)
  return spatial.map((size, axis) => {
    const length = literalValue(size)
    if (!windows || length === undefined) return call.symbols.unknownSize()
    const [stride = 1, dilation = 1, kernel = 1] = [
      windows.strides[axis],
      windows.dilations[axis],
      windows.kernel[axis],
    ]
    if (windows.autoPad.startsWith('SAME_')) return literal(length * stride)
    const pads = windows.autoPad === 'VALID' ? 0 : (windows.pads[axis] ?? 0) + (windows.pads[axis + axes] ?? 0)
    return (
      known(stride * (length - 1) + (extra[axis] ?? 0) + dilation * (kernel - 1) + 1 - pads) ??
      call.symbols.unknownSize()
    )
  })
}

function known(count: number | undefined): Size | undefined {
  return count !== undefined && Number.isSafeInteger(count) && count >= 0 ? literal(count) : undefined
}
