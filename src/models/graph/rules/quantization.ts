import { broadcastStates } from '../broadcasting.ts'
import { NotProven } from '../not-proven.ts'
import { axisWithin, isScalar, keepOffRows, knownRank, type OperatorCall, type Rule } from '../operator-call.ts'
import type { State, TensorState } from '../row-state.ts'
import { concat } from './joining.ts'

export const quantizationRules: Readonly<Record<string, Rule>> = {
  QuantizeLinear: quantize,
  DequantizeLinear: quantize,
}

export const contribQuantizationRules: Readonly<Record<string, Rule>> = {
  ...quantizationRules,
  QLinearAdd: pairwise,
  QLinearMul: pairwise,
  QLinearSigmoid: single,
  QLinearLeakyRelu: single,
  QLinearConcat: call => {
    scalar(call, 0, 'scale')
    scalar(call, 1, 'zero point')
    const parts: TensorState[] = []
    for (let index = 2; index < call.inputs.length; index += 3) {
      parts.push(call.tensor(index))
      scalar(call, index + 1, 'scale')
      scalar(call, index + 2, 'zero point')
    }
    return concat(call.symbols, parts, call.int('axis', 1))
  },
}

/** Scale and zero point: one for the whole tensor, or one for each position on an axis other than that of the rows. */
function quantize(call: OperatorCall): State {
  const data = call.tensor(0)
  const parameters = [call.constant(1, 'scale'), call.constant(2, 'zero point')]
  if (call.int('block_size', 0) !== 0) throw new NotProven('has scales for blocks, for which there is no rule')
  if (!parameters.every(state => state === undefined || isScalar(state)))
    keepOffRows(data, axisWithin(call.int('axis', 1), knownRank(data)), 'has scales')
  return data
}

function pairwise(call: OperatorCall): State {
  for (const index of [1, 4, 6]) scalar(call, index, 'scale')
  for (const index of [2, 5, 7]) scalar(call, index, 'zero point')
  return broadcastStates(call.symbols, [call.tensor(0), call.tensor(3)])
}

function single(call: OperatorCall): State {
  for (const index of [1, 3]) scalar(call, index, 'scale')
  for (const index of [2, 4]) scalar(call, index, 'zero point')
  return call.tensor(0)
}

function scalar(call: OperatorCall, index: number, what: string): void {
  const state = call.constant(index, what)
  if (state && !isScalar(state)) throw new NotProven(`has more than one ${what}`)
}
