import { broadcastShapes } from '../broadcasting.ts'
import { NotProven } from '../not-proven.ts'
import { axisWithin, hasRows, knownShape, type OperatorCall, type Rule } from '../operator-call.ts'
import { reshapeTensor, resolveTarget } from '../reshape.ts'
import { constant, resolveState, type Shape, type State, type TensorState, tensor } from '../row-state.ts'
import { isLiteral, literal, literalValue, multiply, one, type Size } from '../symbolic-size.ts'

/** Operators that give the same entries another shape, or fill one. */
export const reshapingRules: Readonly<Record<string, Rule>> = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  ConstantOfShape: constantOfShape,
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
