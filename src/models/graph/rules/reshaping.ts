import { broadcastShapes } from '../broadcasting.ts'
import { NotProven } from '../not-proven.ts'
import {
  axisWithin,
  expectSameRows,
  hasRows,
  keepOffRows,
  knownRank,
  knownShape,
  type OperatorCall,
  type Rule,
} from '../operator-call.ts'
import { reshapeTensor, resolveTarget } from '../reshape.ts'
import {
  constant,
  type List,
  resolveState,
  type Shape,
  type State,
  type TensorState,
  tensor,
  tensorOfBlocks,
} from '../row-state.ts'
import {
  add,
  divide,
  involvesRows,
  isLiteral,
  literal,
  literalValue,
  multiply,
  one,
  type Size,
  type SymbolTable,
  sameSize,
} from '../symbolic-size.ts'

export const reshapingRules: Readonly<Record<string, Rule>> = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  ConstantOfShape: constantOfShape,
  Concat: call => concat(call.symbols, call.tensors(), call.int('axis', 1)),
  Split: split,
  Pad: pad,
  Tile: tile,
  Resize: resize,
  Upsample: upsample,
  SequenceConstruct: call => ({ kind: 'list', elements: call.inputs.flatMap(state => (state ? [state] : [])) }),
  SequenceAt: sequenceAt,
  ConcatFromSequence: concatFromSequence,
}

function reshape(call: OperatorCall): State {
  const data = call.tensor(0)
  const target = call.opset < 5 ? call.ints('shape')?.map(literal) : call.sizes(1)
  if (!target) throw new NotProven('reshapes to a shape that is not known')
  const shape = resolveTarget(call.symbols, knownShape(data), target, call.int('allowzero', 0) !== 0)
  return reshapeTensor(resolveState(call.symbols, data), shape)
}

function flatten(call: OperatorCall): State {
  const data = call.state(0)
  const isPadded = data.kind === 'rows' && data.padding !== undefined
  const flat = flattenTensor(call, isPadded ? { ...data, padding: undefined } : call.tensor(0))
  if (!isPadded || flat.kind !== 'rows') return flat
  // Words of several cells would move when a longer row pads the cells before them.
  const isOneCell = data.axis === 0 && data.shape.slice(1, -1).every(size => isLiteral(size, 1))
  if (!isOneCell || call.int('axis', 1) !== 1) throw new NotProven('joins the words of several cells')
  return { ...flat, padding: data.padding }
}

function flattenTensor(call: OperatorCall, data: TensorState): TensorState {
  const shape = knownShape(data)
  const axis = call.int('axis', 1)
  const cut = axis === shape.length ? axis : axisWithin(axis, Math.max(1, shape.length))
  return reshapeTensor(data, [multiply(...shape.slice(0, cut)), multiply(...shape.slice(cut))])
}

function transpose(call: OperatorCall): State {
  const data = call.tensor(0)
  const shape = knownShape(data)
  const order = call.ints('perm') ?? [...shape.keys()].reverse()
  if (order.length !== shape.length || new Set(order).size !== order.length)
    throw new NotProven('permutes another number of axes than there are')
  return tensor(
    order.map(axis => shape[axisWithin(axis, shape.length)] as Size),
    data,
  )
}

/** Up to opset 12 the axes are an attribute, then an input. */
function readAxes(call: OperatorCall): number[] | undefined {
  return call.has(1) ? call.constantIntegers(1, 'axes') : call.ints('axes')
}

function squeeze(call: OperatorCall): State {
  const data = call.tensor(0)
  const shape = knownShape(data)
  const given = readAxes(call)
  if (!given) {
    if (data.kind === 'rows') throw new NotProven('drops the axis of the rows when there is one row (it names no axes)')
    if (shape.some(size => literalValue(size) === undefined)) throw new NotProven('drops axes that are not known')
    return constant(
      shape.filter(size => !isLiteral(size, 1)),
      data.content,
    )
  }
  const axes = new Set(given.map(axis => axisWithin(axis, shape.length)))
  for (const axis of axes) if (hasRows(shape[axis])) throw new NotProven('drops the axis of the rows')
  return withContent(
    data,
    tensor(
      shape.filter((_, axis) => !axes.has(axis)),
      data,
    ),
  )
}

function unsqueeze(call: OperatorCall): State {
  const data = call.tensor(0)
  const shape = knownShape(data)
  const given = readAxes(call)
  if (!given) throw new NotProven('adds axes that are not known')
  const axes = given.map(axis => axisWithin(axis, shape.length + given.length)).sort((a, b) => a - b)
  const wider = axes.reduce<Shape>((sizes, axis) => sizes.toSpliced(axis, 0, one), shape)
  return withContent(data, tensor(wider, data))
}

/** Keeps the contents: the same entries in the same order. */
function withContent(data: TensorState, moved: TensorState): TensorState {
  return data.kind === 'constant' && moved.kind === 'constant' ? constant(moved.shape, data.content) : moved
}

/** A constant that is repeated for every row is a row's own. */
function expand(call: OperatorCall): State {
  const data = call.tensor(0)
  const target = call.sizes(1)
  if (!target) throw new NotProven('expands to a shape that is not known')
  return tensor(broadcastShapes(call.symbols, [knownShape(data), target]), data)
}

function constantOfShape(call: OperatorCall): State {
  const shape = call.sizes(0)
  if (!shape) return constant()
  const filled = tensor(shape)
  const count = literalValue(multiply(...shape))
  const [fill] = call.smallTensor('value') ?? []
  const isInteger = typeof fill === 'bigint'
  if (filled.kind === 'rows' || !isInteger || count === undefined || count > 4096) return filled
  return constant(shape, Array(count).fill(literal(Number(fill))))
}

export function concat(symbols: SymbolTable, parts: readonly TensorState[], axis: number): TensorState {
  const shapes = parts.map(knownShape)
  const [first = []] = shapes
  const along = axisWithin(axis, first.length)
  const rows = parts.find(part => part.kind === 'rows')
  if (rows) {
    for (const part of parts) {
      expectSameRows(rows, part)
      if (part.kind === 'rows' && (part.axis !== rows.axis || part.shape.length !== first.length))
        throw new NotProven('has the rows of its operands on different axes')
    }
    // The rows of each operand, one operand after the other, are so many blocks of rows.
    if (rows.axis === along) {
      const count = literal(parts.length)
      return tensorOfBlocks(first.with(along, multiply(count, first[along] ?? one)), multiply(count, rows.pre))
    }
  }
  const sum = shapes
    .map(shape => shape[along] ?? one)
    .reduce<Size | undefined>((total, size) => total && add(total, size), literal(0))
  const others = first.map((_, index) =>
    index === along
      ? one
      : (shapes.map(shape => shape[index]).find(size => size && literalValue(size) !== undefined) ?? first[index]),
  ) as Size[]
  return tensor(others.with(along, sum ?? symbols.unknownSize()), ...parts)
}

function split(call: OperatorCall): readonly State[] {
  const data = call.tensor(0)
  const shape = knownShape(data)
  const axis = axisWithin(call.int('axis', 0), shape.length)
  keepOffRows(data, axis, 'cuts')
  const given = call.has(1) ? call.constantIntegers(1, 'sizes') : call.ints('split')
  const whole = shape[axis] as Size
  const parts = call.int('num_outputs', call.outputCount)
  const readSize = (index: number): Size => {
    if (given) return literal(given[index] ?? 0)
    if (call.has(1)) return call.symbols.unknownSize()
    const length = literalValue(whole)
    if (length === undefined) return divide(whole, literal(parts)) ?? call.symbols.unknownSize()
    const even = Math.ceil(length / parts)
    return literal(index < parts - 1 ? even : length - even * (parts - 1))
  }
  return Array.from({ length: call.outputCount }, (_, index) => tensor(shape.with(axis, readSize(index)), data))
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

function sequenceAt(call: OperatorCall): State {
  const list = listElements(call)
  const [position] = call.constantIntegers(1, 'position') ?? []
  const element = position === undefined ? undefined : list.elements.at(position)
  if (!element) throw new NotProven('picks from a list at a position that is not known')
  return element
}

function concatFromSequence(call: OperatorCall): State {
  const parts = listElements(call).elements.map(element => {
    if (element.kind !== 'rows' && element.kind !== 'constant') throw new NotProven('computes with the number of rows')
    return element
  })
  const axis = call.int('axis', 0)
  if (call.int('new_axis', 0) === 0) return concat(call.symbols, parts, axis)
  const along = axisWithin(axis, knownRank(parts[0] as TensorState) + 1)
  return concat(
    call.symbols,
    parts.map(part => tensor(knownShape(part).toSpliced(along, 0, one), part)),
    along,
  )
}

function listElements(call: OperatorCall): List {
  const list = call.state(0)
  if (list.kind !== 'list' || list.elements.length === 0) throw new NotProven('reads a list that is not known')
  return list
}
