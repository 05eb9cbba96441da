import { broadcastShapes, broadcastStates } from '../broadcasting.ts'
import { NotProven } from '../not-proven.ts'
import {
  axisWithin,
  expectRowsOn,
  keepOffRows,
  knownRank,
  knownShape,
  type OperatorCall,
  type Rule,
} from '../operator-call.ts'
import { type State, type TensorState, tensor } from '../row-state.ts'
import { involvesRows, one } from '../symbolic-size.ts'

export const normalizationRules: Readonly<Record<string, Rule>> = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: channelNormalization,
  GroupNormalization: channelNormalization,
  LRN: call => {
    const data = call.tensor(0)
    keepOffRows(data, 1, 'normalises')
    return data
  },
  LpNormalization: call => alongAxis(call, -1),
  MeanVarianceNormalization: meanVarianceNormalization,
  LayerNormalization: layerNormalization,
  SimplifiedLayerNormalization: layerNormalization,
  RMSNormalization: layerNormalization,
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
}

export const contribNormalizationRules: Readonly<Record<string, Rule>> = {
  LayerNormalization: layerNormalization,
  SimplifiedLayerNormalization: layerNormalization,
  SkipLayerNormalization: skipLayerNormalization,
  SkipSimplifiedLayerNormalization: skipLayerNormalization,
  QLinearSoftmax: call => {
    call.constants([1, 'scale'], [2, 'zero point'], [3, 'scale'], [4, 'zero point'])
    return softmaxState(call, call.int('opset', 1))
  },
}

function batchNormalization(call: OperatorCall): State | readonly State[] {
  const data = call.tensor(0)
  const isTraining =
    call.int('training_mode', 0) !== 0 ||
    (call.opset < 14 && call.node.outputs.filter(name => name !== '').length > 1) ||
    (call.opset < 7 && call.int('is_test', 0) !== 1)
  if (isTraining) throw new NotProven('takes its mean and variance over all rows (it is in training mode)')
  call.constants([1, 'scale'], [2, 'bias'], [3, 'mean'], [4, 'variance'])
  if (call.int('spatial', 1) === 0) expectRowsOn(data, 0)
  keepOffRows(data, 1, 'has statistics')
  return data
}

function channelNormalization(call: OperatorCall): State {
  const data = call.tensor(0)
  call.constants([1, 'scale'], [2, 'bias'])
  expectRowsOn(data, 0)
  return data
}

function alongAxis(call: OperatorCall, axisIfAbsent: number): State {
  const data = call.tensor(0)
  keepOffRows(data, axisWithin(call.int('axis', axisIfAbsent), knownRank(data)), 'normalises')
  return data
}

function meanVarianceNormalization(call: OperatorCall): State {
  if (call.opset < 9) throw new NotProven('is of an operator set before 9')
  const data = call.tensor(0)
  for (const axis of call.ints('axes') ?? [0, 2, 3]) keepOffRows(data, axisWithin(axis, knownRank(data)), 'normalises')
  return data
}

/** Outputs: the result, then mean and inverse deviation of what was normalised, then (contrib) the sum of the inputs. */
function layerNormalization(call: OperatorCall): readonly State[] {
  const data = call.tensor(0)
  const operands = [data, call.constant(1, 'scale'), call.constant(2, 'bias')]
  return layerOutputs(call, data, operands, axisWithin(call.int('axis', -1), knownRank(data)))
}

function skipLayerNormalization(call: OperatorCall): readonly State[] {
  const [data, skip] = [call.tensor(0), call.tensor(1)]
  for (let index = 2; index < call.inputs.length; index++) call.constant(index, 'scale or bias')
  const whole = broadcastStates(call.symbols, [data, skip])
  const operands = [whole, ...call.inputs.slice(2).map((_, index) => call.optionalTensor(index + 2))]
  return layerOutputs(call, whole, operands, knownRank(whole) - 1)
}

function layerOutputs(
  call: OperatorCall,
  data: TensorState,
  operands: readonly (TensorState | undefined)[],
  axis: number,
): readonly State[] {
  const shape = knownShape(data)
  if (shape.slice(axis).some(involvesRows)) throw new NotProven('normalises over the axis of the rows')
  const present = operands.filter(operand => operand !== undefined)
  // A scale may be broadcast along the data, so it must not have a length on the axis of the rows.
  if (data.kind === 'rows') broadcastShapes(call.symbols, present.map(knownShape))
  const statistics = tensor(
    shape.map((size, index) => (index < axis ? size : one)),
    data,
  )
  return [data, statistics, statistics, data]
}

function softmax(call: OperatorCall): State {
  return softmaxState(call, call.opset)
}

/** Below opset 13 everything from `axis` on is one long axis. */
function softmaxState(call: OperatorCall, opset: number): State {
  if (opset >= 13) return alongAxis(call, -1)
  const data = call.tensor(0)
  const axis = axisWithin(call.int('axis', 1), knownRank(data))
  if (data.kind === 'rows' && data.axis >= axis) throw new NotProven('normalises over the axis of the rows')
  return data
}
