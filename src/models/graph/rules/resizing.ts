import { NotProven } from '../not-proven.ts'
import { axisWithin, keepOffRows, knownShape, type OperatorCall, type Rule } from '../operator-call.ts'
import { type Shape, type State, tensor } from '../row-state.ts'
import { involvesRows, isLiteral, literal, literalValue, multiply, type Size, sameSize } from '../symbolic-size.ts'

/** Operators that make axes longer or shorter: with a fill, copies, or values in between. */
export const resizingRules: Readonly<Record<string, Rule>> = {
  Pad: pad,
  Tile: tile,
  Resize: resize,
  Upsample: upsample,
}

/** Up to opset 10 the amounts are an attribute, then an input; from 18 on an input may name the axes. */
function pad(call: OperatorCall): State {
  const data = call.tensor(0)
  const shape = knownShape(data)
  const pads = call.has(1) ? call.constantIntegers(1, 'amounts') : call.ints('pads')
  call.constant(2, 'fill')
  const axes = call.has(3) ? call.constantIntegers(3, 'axes') : [...shape.keys()]
  if (!pads || !axes || pads.length !== 2 * axes.length) throw new NotProven('pads by amounts that are not known')
  let padded: Shape = shape
  for (const [index, given] of axes.entries()) {
    const axis = axisWithin(given, shape.length)
    const [before = 0, after = 0] = [pads[index], pads[index + axes.length]]
    if (before === 0 && after === 0) continue
    keepOffRows(data, axis, 'pads')
    const length = literalValue(shape[axis] as Size)
    padded = padded.with(axis, length === undefined ? call.symbols.unknownSize() : literal(length + before + after))
  }
  return tensor(padded, data)
}

function tile(call: OperatorCall): State {
  if (call.opset < 6) throw new NotProven('is of an operator set before 6')
  const data = call.tensor(0)
  const shape = knownShape(data)
  const repeats = call.sizes(1)
  if (!repeats || repeats.length !== shape.length) throw new NotProven('repeats by amounts that are not known')
  const tiled = shape.map((size, axis) => {
    const times = repeats[axis] as Size
    if (involvesRows(size) && !isLiteral(times, 1)) throw new NotProven('repeats the rows')
    if (involvesRows(times) && !isLiteral(size, 1)) throw new NotProven('repeats an axis by the number of rows')
    return multiply(size, times)
  })
  return tensor(tiled, data)
}

function upsample(call: OperatorCall): State {
  if (call.opset < 7) throw new NotProven('is of an operator set before 7')
  return scale(call, call.has(1) ? call.constant(1, 'scales')?.floats : call.floats('scales'))
}

/** Opset 10: data, scales; from 11 on: data, region, scales, sizes. */
function resize(call: OperatorCall): State {
  if (call.text('coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize')
    throw new NotProven('cuts a region out of all rows')
  if (call.text('keep_aspect_ratio_policy', 'stretch') !== 'stretch')
    throw new NotProven('chooses its scale from several axes')
  const data = call.tensor(0)
  const shape = knownShape(data)
  const axes = (call.ints('axes') ?? [...shape.keys()]).map(axis => axisWithin(axis, shape.length))
  if (call.opset >= 11 && call.has(3)) {
    const sizes = call.sizes(3)
    if (!sizes || sizes.length !== axes.length) throw new NotProven('scales to sizes that are not known')
    const scaled = axes.reduce<Shape>((whole, axis, index) => {
      const size = sizes[index] as Size
      if (involvesRows(shape[axis] as Size) && !sameSize(size, shape[axis] as Size))
        throw new NotProven('scales the axis of the rows')
      return whole.with(axis, size)
    }, shape)
    return tensor(scaled, data)
  }
  return scale(call, call.constant(call.opset < 11 ? 1 : 2, 'scales')?.floats, axes)
}

function scale(call: OperatorCall, scales: readonly number[] | undefined, given?: readonly number[]): State {
  const data = call.tensor(0)
  const shape = knownShape(data)
  const axes = given ?? [...shape.keys()]
  if (!scales || scales.length !== axes.length) throw new NotProven('scales by factors that are not known')
  const scaled = axes.reduce<Shape>((whole, axis, index) => {
    const factor = scales[index] as number
    if (factor === 1) return whole
    keepOffRows(data, axis, 'scales')
    const size = shape[axis] as Size
    const length = literalValue(size)
    const product = length === undefined ? undefined : Math.floor(length * factor)
    if (product !== undefined && Number.isSafeInteger(product)) return whole.with(axis, literal(product))
    return whole.with(axis, Number.isSafeInteger(factor) ? multiply(size, literal(factor)) : call.symbols.unknownSize())
  }, shape)
  return tensor(scaled, data)
}
