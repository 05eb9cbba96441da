import { NotProven } from '../not-proven.ts'
import { expectRowsOn, expectSameRows, knownShape, type OperatorCall, type Rule } from '../operator-call.ts'
import { constant, type Shape, type State, type TensorState, tensor } from '../row-state.ts'
import { divide, literal, multiply, one, type Size } from '../symbolic-size.ts'
import { kernelShape, readWindows, transposedCounts, windowCounts } from '../window-sizes.ts'

/** The data have rows on axis 0, channels on axis 1, then the spatial axes. */
export const convolutionRules: Readonly<Record<string, Rule>> = {
  Conv: call => convolution(call, 1, 2),
  ConvInteger: call => convolution(call, 1, 2, 3),
  QLinearConv: call => convolution(call, 3, 1, 2, 4, 5, 6, 7, 8),
  ConvTranspose: transposedConvolution,
  DeformConv: call => {
    const whole = convolution(call, 1, 3)
    for (const index of [2, 4]) {
      if (!call.has(index)) continue
      call.rowsOn(index, 0, index === 2 ? 'offsets' : 'mask')
      expectSameRows(call.tensor(0), call.tensor(index))
    }
    return whole
  },
  MaxPool: maxPool,
  AveragePool: call => pool(call, call.tensor(0)),
  LpPool: call => pool(call, call.tensor(0)),
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  DepthToSpace: call => {
    const block = call.int('blocksize', 0)
    return moveBlocks(call, (channels, spatial) => [
      divide(channels, literal(block * block)) ?? call.symbols.unknownSize(),
      ...spatial.map(size => multiply(size, literal(block))),
    ])
  },
  SpaceToDepth: call => {
    const block = call.int('blocksize', 0)
    return moveBlocks(call, (channels, spatial) => [
      multiply(channels, literal(block * block)),
      ...spatial.map(size => divide(size, literal(block)) ?? call.symbols.unknownSize()),
    ])
  },
  Col2Im: call => {
    const columns = call.tensor(0)
    expectRowsOn(columns, 0)
    const image = call.constantIntegers(1, 'image shape')
    const block = call.constantIntegers(2, 'block shape')
    if (!image || !block) throw new NotProven('has an image shape that is not known')
    const [rows = one, channels = one] = knownShape(columns)
    const blockSize = literal(block.reduce((product, size) => product * size, 1))
    return tensor([rows, divide(channels, blockSize) ?? call.symbols.unknownSize(), ...image.map(literal)], columns)
  },
  GridSample: call => {
    const [image, grid] = [call.tensor(0), call.tensor(1)]
    expectRowsOn(image, 0)
    expectRowsOn(grid, 0)
    expectSameRows(image, grid)
    return tensor([...knownShape(image).slice(0, 2), ...knownShape(grid).slice(1, -1)], image, grid)
  },
}

export const contribConvolutionRules: Readonly<Record<string, Rule>> = {
  FusedConv: call => {
    const whole = convolution(call, 1, 2)
    if (!call.has(3)) return whole
    expectSameRows(whole, call.rowsOn(3, 0, 'addend'))
    return whole
  },
  QLinearAveragePool: call => {
    constantScales(call)
    return pool(call, call.tensor(0), call.int('channels_last', 0) !== 0)
  },
  QLinearGlobalAveragePool: call => {
    constantScales(call)
    return globalPool(call)
  },
}

function constantScales(call: OperatorCall): void {
  call.constants([1, 'scale'], [2, 'zero point'], [3, 'scale'], [4, 'zero point'])
}

/** @param constants  the other inputs that must not depend on the rows: bias, scales, zero points */
function convolution(call: OperatorCall, weightsAt: number, ...constants: readonly number[]): TensorState {
  const data = call.tensor(0)
  expectRowsOn(data, 0)
  const weights = call.constant(weightsAt, 'weights')
  for (const index of constants) call.constant(index, 'weights')
  const [rows = one, , ...spatial] = withSpatialAxes(data)
  const kernel = kernelShape(call, weights?.shape)
  const windows = kernel && readWindows(call, kernel)
  const channels = weights?.shape?.[0] ?? call.symbols.unknownSize()
  return tensor([rows, channels, ...windowCounts(call.symbols, spatial, windows)], data)
}

function transposedConvolution(call: OperatorCall): State {
  const data = call.tensor(0)
  expectRowsOn(data, 0)
  const weights = call.constant(1, 'weights')
  call.constant(2, 'weights')
  const [rows = one, , ...spatial] = withSpatialAxes(data)
  const kernel = kernelShape(call, weights?.shape)
  const perGroup = weights?.shape?.[1]
  const channels = perGroup ? multiply(perGroup, literal(call.int('group', 1))) : call.symbols.unknownSize()
  return tensor([rows, channels, ...transposedCounts(call, spatial, kernel && readWindows(call, kernel))], data)
}

function withSpatialAxes(data: TensorState): Shape {
  const shape = knownShape(data)
  if (shape.length < 3) throw new NotProven('reads the axis of the rows as another axis: its input has no spatial axes')
  return shape
}

/** Windows cover one channel at a time, so rows may lie on the axis of the channels too. */
function pool(call: OperatorCall, data: TensorState, isChannelsLast = false): TensorState {
  const { shape, first, last } = spatialAxes(data, isChannelsLast)
  const kernel = kernelShape(call, undefined)
  const counts = windowCounts(call.symbols, shape.slice(first, last), kernel && readWindows(call, kernel))
  return tensor([...shape.slice(0, first), ...counts, ...shape.slice(last)], data)
}

function globalPool(call: OperatorCall): State {
  const data = call.tensor(0)
  const { shape, first, last } = spatialAxes(data, call.int('channels_last', 0) !== 0)
  return tensor(
    shape.map((size, axis) => (axis >= first && axis < last ? one : size)),
    data,
  )
}

/** @returns the shape, and the spatial axes from `first` up to but not including `last`, of which none is that of the rows */
function spatialAxes(data: TensorState, isChannelsLast: boolean): { shape: Shape; first: number; last: number } {
  const shape = withSpatialAxes(data)
  const [first, last] = isChannelsLast ? [1, shape.length - 1] : [2, shape.length]
  if (data.kind === 'rows' && data.axis >= first && data.axis < last)
    throw new NotProven('moves a window over the axis of the rows')
  return { shape, first, last }
}

function maxPool(call: OperatorCall): readonly State[] {
  const data = call.tensor(0)
  if (data.kind === 'rows' && call.isUsed(1)) throw new NotProven('gives positions that count through all rows')
  const whole = pool(call, data)
  return [whole, constant()]
}

function moveBlocks(call: OperatorCall, resize: (channels: Size, spatial: Shape) => Shape): TensorState {
  const data = call.tensor(0)
  expectRowsOn(data, 0)
  const [rows = one, channels = one, ...spatial] = withSpatialAxes(data)
  return tensor([rows, ...resize(channels, spatial)], data)
}
