import { NotProven } from '../not-proven.ts'
import { axisWithin, keepOffRows, knownRank, knownShape, type OperatorCall, type Rule } from '../operator-call.ts'
import { type State, type TensorState, tensor } from '../row-state.ts'
import { literal, one } from '../symbolic-size.ts'

const reductions = 'L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare'.split(' ')

export const reductionRules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(reductions.map(name => [`Reduce${name}`, reduce])),
  ArgMax: pickExtreme,
  ArgMin: pickExtreme,
  TopK: topK,
  CumSum: cumulate,
  CumProd: cumulate,
}

function reduce(call: OperatorCall): State {
  const data = call.tensor(0)
  const rank = knownRank(data)
  const axes = call.has(1) ? call.constantIntegers(1, 'axes') : (call.ints('axes') ?? [])
  if (!axes) throw new NotProven('reduces over axes that are not known')
  if (axes.length === 0 && call.int('noop_with_empty_axes', 0) !== 0) return data
  const reduced = new Set(axes.length === 0 ? knownShape(data).keys() : axes.map(axis => axisWithin(axis, rank)))
  for (const axis of reduced) keepOffRows(data, axis, 'reduces')
  return withoutAxes(data, reduced, call.int('keepdims', 1) !== 0)
}

function withoutAxes(data: TensorState, axes: ReadonlySet<number>, isKept: boolean): TensorState {
  const shape = knownShape(data)
  return tensor(
    isKept ? shape.map((size, axis) => (axes.has(axis) ? one : size)) : shape.filter((_, axis) => !axes.has(axis)),
    data,
  )
}

function pickExtreme(call: OperatorCall): State {
  const data = call.tensor(0)
  const axis = axisWithin(call.int('axis', 0), knownRank(data))
  keepOffRows(data, axis, 'picks the largest or smallest')
  return withoutAxes(data, new Set([axis]), call.int('keepdims', 1) !== 0)
}

function topK(call: OperatorCall): readonly State[] {
  const data = call.tensor(0)
  const axis = axisWithin(call.int('axis', -1), knownRank(data))
  keepOffRows(data, axis, 'picks the largest or smallest')
  const count = call.has(1) ? call.constantIntegers(1, 'number of picks')?.[0] : call.int('k')
  const size = count === undefined ? call.symbols.unknownSize() : literal(count)
  const picked = tensor(knownShape(data).with(axis, size), data)
  return [picked, picked]
}

function cumulate(call: OperatorCall): State {
  const data = call.tensor(0)
  const [axis] = call.constantIntegers(1, 'axis') ?? []
  if (axis === undefined) throw new NotProven('runs along an axis that is not known')
  keepOffRows(data, axisWithin(axis, knownRank(data)), 'adds up or multiplies')
  return data
}
