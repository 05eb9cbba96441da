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
import { constant, type Shape, type State, type TensorState, tensor } from '../row-state.ts'
import { involvesRows, isLiteral, literal, literalValue, one, type Size, sameSize } from '../symbolic-size.ts'

export const indexingRules: Readonly<Record<string, Rule>> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
  Slice: slice,
  OneHot: oneHot,
  Compress: compress,
  ReverseSequence: reverseSequence,
  Trilu: call => {
    const data = call.tensor(0)
    call.constant(1, 'diagonal')
    keepOffLastTwo(data)
    return data
  },
  Det: call => {
    const data = call.tensor(0)
    keepOffLastTwo(data)
    return tensor(knownShape(data).slice(0, -2), data)
  },
  CenterCropPad: centerCropPad,
}

function gather(call: OperatorCall): State {
  const [data, indices] = [call.tensor(0), call.tensor(1)]
  if (data.kind === 'rows' && indices.kind === 'rows')
    throw new NotProven('uses values of the rows as indexes into the rows')
  const shape = knownShape(data)
  const axis = axisWithin(call.int('axis', 0), shape.length)
  if (data.kind === 'rows' && data.axis === axis) throw new NotProven('picks rows by their position in the request')
  return tensor([...shape.slice(0, axis), ...knownShape(indices), ...shape.slice(axis + 1)], data, indices)
}

function gatherElements(call: OperatorCall): State {
  const [data, indices] = [call.tensor(0), call.tensor(1)]
  if (data.kind === 'constant' && indices.kind === 'constant') return constant(indices.shape)
  expectRowsElementwise(call.int('axis', 0), data, indices)
  return tensor(knownShape(indices), data, indices)
}

function scatterElements(call: OperatorCall): State {
  const [data, indices, updates] = [call.tensor(0), call.tensor(1), call.tensor(2)]
  if ([data, indices, updates].every(state => state.kind === 'constant')) return constant(data.shape)
  expectRowsElementwise(call.int('axis', 0), data, indices, updates)
  return data
}

/** All operands have the rows on one axis, other than the one that the indices count along. */
function expectRowsElementwise(axis: number, data: TensorState, ...others: readonly TensorState[]): void {
  keepOffRows(data, axisWithin(axis, knownRank(data)), 'indexes')
  for (const other of others) {
    expectSameRows(data, other)
    if (
      data.kind === 'rows' &&
      other.kind === 'rows' &&
      (data.axis !== other.axis || knownRank(data) !== knownRank(other))
    )
      throw new NotProven('has the rows of its operands on different axes')
  }
}

function gatherNd(call: OperatorCall): State {
  const [data, indices] = [call.tensor(0), call.tensor(1)]
  const batchAxes = call.int('batch_dims', 0)
  const [dataShape, indexShape] = [knownShape(data), knownShape(indices)]
  const depth = literalValue(indexShape.at(-1) ?? one)
  if (depth === undefined || indexShape.length === 0) throw new NotProven('has indices of unknown length')
  const shape = [...indexShape.slice(0, -1), ...dataShape.slice(batchAxes + depth)]
  if (data.kind === 'rows' && indices.kind === 'rows') {
    expectSameRows(data, indices)
    if (data.axis !== indices.axis || data.axis >= batchAxes)
      throw new NotProven('uses values of the rows as indexes into the rows')
    return tensor(shape, data, indices)
  }
  if (data.kind === 'rows' && data.axis < batchAxes + depth)
    throw new NotProven('picks rows by their position in the request')
  if (indices.kind === 'rows' && (batchAxes > 0 || indices.axis === indexShape.length - 1))
    throw new NotProven('uses the axis of the rows as an index')
  return tensor(shape, data, indices)
}

function scatterNd(call: OperatorCall): State {
  const [data, indices, updates] = [call.tensor(0), call.constant(1, 'indices'), call.tensor(2)]
  if (data.kind === 'constant' && updates.kind === 'constant') return constant(data.shape)
  expectSameRows(data, updates)
  const indexShape = indices && knownShape(indices)
  const depth = literalValue(indexShape?.at(-1) ?? call.symbols.unknownSize())
  if (!indexShape || depth === undefined || data.kind !== 'rows' || updates.kind !== 'rows')
    throw new NotProven('has indices of unknown length')
  if (data.axis < depth) throw new NotProven('writes to rows by their position in the request')
  if (updates.axis !== indexShape.length - 1 + data.axis - depth)
    throw new NotProven('has the rows of its operands on different axes')
  return data
}

/** Up to opset 9 the bounds are attributes, then inputs. */
function slice(call: OperatorCall): State {
  const data = call.tensor(0)
  const shape = knownShape(data)
  const starts = bounds(call, 'starts', 1)
  const ends = bounds(call, 'ends', 2)
  const count = starts.known?.length ?? ends.known?.length ?? starts.length ?? ends.length
  const axes = readAxes(call, count)
  const steps = call.has(4) ? call.constantIntegers(4, 'steps') : axes?.map(() => 1)
  if (!axes) throw new NotProven('cuts along axes that are not known')
  let sliced: Shape = shape
  for (const [index, given] of axes.entries()) {
    const axis = axisWithin(given, shape.length)
    const cut = { start: starts.known?.[index], end: ends.known?.[index], step: steps?.[index] }
    const size = shape[axis] as Size
    if (involvesRows(size)) {
      if (!isWhole(size, cut)) throw new NotProven('picks rows by their position in the request')
      continue
    }
    if (hasRows(cut.start) || hasRows(cut.end)) throw new NotProven('cuts another axis by the number of rows')
    sliced = sliced.with(axis, isWhole(size, cut) ? size : (cutSize(size, cut) ?? call.symbols.unknownSize()))
  }
  return tensor(sliced, data)
}

interface Cut {
  readonly start: Size | undefined
  readonly end: Size | undefined
  readonly step: number | undefined
}

function bounds(call: OperatorCall, name: string, index: number): { known?: readonly Size[]; length?: number } {
  const attribute = call.opset < 10 ? call.ints(name) : undefined
  if (attribute) return { known: attribute.map(literal) }
  const known = call.sizes(index)
  const state = call.state(index)
  const length = state.kind === 'constant' || state.kind === 'rowCounts' ? state.shape?.[0] : undefined
  return { known, length: length && literalValue(length) }
}

function readAxes(call: OperatorCall, count: number | undefined): number[] | undefined {
  if (call.has(3)) return call.constantIntegers(3, 'axes')
  if (call.opset < 10) {
    const axes = call.ints('axes')
    if (axes) return axes
  }
  // A file may claim bounds for more axes than any tensor has.
  return count === undefined || count > 64 ? undefined : Array.from({ length: count }, (_, axis) => axis)
}

const farEnd = 2 ** 31 - 1

function isWhole(size: Size, { start, end, step }: Cut): boolean {
  if (step !== 1 || !start || !end || !isLiteral(start, 0)) return false
  return sameSize(end, size) || (end.symbols.length === 0 && end.factor >= farEnd)
}

/** @returns the length of a slice of a known length; undefined when a bound is not known */
function cutSize(size: Size, { start, end, step }: Cut): Size | undefined {
  const [length, from, to] = [size, start, end].map(each => each && literalValue(each))
  if (length === undefined || from === undefined || to === undefined || !step) return undefined
  const within = (position: number, low: number, high: number) =>
    Math.min(Math.max(position < 0 ? position + length : position, low), high)
  const [first, last] =
    step > 0
      ? [within(from, 0, length), within(to, 0, length)]
      : [within(from, 0, length - 1), within(to, -1, length - 1)]
  return literal(Math.max(0, Math.ceil((last - first) / step)))
}

function oneHot(call: OperatorCall): State {
  const indices = call.tensor(0)
  const shape = knownShape(indices)
  const [depth] = call.constantIntegers(1, 'depth') ?? []
  call.constant(2, 'values')
  const axis = axisWithin(call.int('axis', -1), shape.length + 1)
  const size = depth === undefined ? call.symbols.unknownSize() : literal(depth)
  return tensor(shape.toSpliced(axis, 0, size), indices)
}

function compress(call: OperatorCall): State {
  const data = call.tensor(0)
  call.constant(1, 'condition')
  const axis = call.int('axis')
  if (axis === undefined) throw new NotProven('flattens all rows into one list')
  const shape = knownShape(data)
  const cut = axisWithin(axis, shape.length)
  keepOffRows(data, cut, 'picks')
  return tensor(shape.with(cut, call.symbols.unknownSize()), data)
}

function reverseSequence(call: OperatorCall): State {
  const [data, lengths] = [call.tensor(0), call.tensor(1)]
  if (data.kind === 'constant' && lengths.kind === 'constant') return data
  const rank = knownRank(data)
  keepOffRows(data, axisWithin(call.int('time_axis', 0), rank), 'reverses')
  expectSameRows(data, lengths)
  if (data.kind !== 'rows' || data.axis !== axisWithin(call.int('batch_axis', 1), rank) || knownRank(lengths) !== 1)
    throw new NotProven('reads the axis of the rows as something else than its batch axis')
  return data
}

function keepOffLastTwo(data: TensorState): void {
  if (knownShape(data).slice(-2).some(involvesRows)) throw new NotProven('reads the rows as rows of one matrix')
}

function centerCropPad(call: OperatorCall): State {
  const data = call.tensor(0)
  const shape = knownShape(data)
  const target = call.constantIntegers(1, 'shape')
  const axes = call.ints('axes') ?? [...shape.keys()]
  let cut: Shape = shape
  for (const [index, given] of axes.entries()) {
    const axis = axisWithin(given, shape.length)
    keepOffRows(data, axis, 'crops')
    const size = target?.[index]
    cut = cut.with(axis, size === undefined ? call.symbols.unknownSize() : literal(size))
  }
  return tensor(cut, data)
}
