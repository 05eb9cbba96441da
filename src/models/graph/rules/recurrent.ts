import { NotProven } from '../not-proven.ts'
import { expectRowsOn, expectSameRows, knownRank, knownShape, type OperatorCall, type Rule } from '../operator-call.ts'
import { type State, type TensorState, tensor } from '../row-state.ts'
import { literal, one, type Size } from '../symbolic-size.ts'

/** Inputs: data, weights, recurrence, bias, lengths, initial states (LSTM: two, then peepholes). */
export const recurrentRules: Readonly<Record<string, Rule>> = {
  RNN: call => recurrent(call, [5]),
  GRU: call => recurrent(call, [5]),
  LSTM: call => recurrent(call, [5, 6]),
}

/** `[time, rows, features]`, or with layout 1 `[rows, time, features]`: only time is run along. */
function recurrent(call: OperatorCall, initialStates: readonly number[]): readonly State[] {
  if (call.opset < 7) throw new NotProven('is of an operator set before 7')
  const isBatchFirst = call.int('layout', 0) === 1
  const data = call.tensor(0)
  if (knownRank(data) !== 3) throw new NotProven('reads a sequence of another rank than 3')
  expectRowsOn(data, isBatchFirst ? 0 : 1)
  const weights = call.constant(1, 'weights')
  const recurrence = call.constant(2, 'weights')
  call.constants([3, 'weights'], [7, 'weights'])
  const given = [[4, 0], ...initialStates.map(index => [index, isBatchFirst ? 0 : 1])] as const
  for (const [index = 0, axis = 0] of given) {
    const state = call.optionalTensor(index)
    if (!state || (state.kind === 'constant' && data.kind === 'constant')) continue
    expectRowsOn(state, axis)
    expectSameRows(data, state)
  }
  const [first = one, second = one] = knownShape(data)
  const [time, rows] = isBatchFirst ? [second, first] : [first, second]
  const directions = weights?.shape?.[0] ?? call.symbols.unknownSize()
  const width = hiddenWidth(call, recurrence)
  const everyStep = isBatchFirst ? [rows, time, directions, width] : [time, directions, rows, width]
  const lastStep = tensor(isBatchFirst ? [rows, directions, width] : [directions, rows, width], data)
  return [tensor(everyStep, data), lastStep, lastStep]
}

function hiddenWidth(call: OperatorCall, recurrence: TensorState | undefined): Size {
  const declared = call.int('hidden_size')
  return declared === undefined ? (recurrence?.shape?.[2] ?? call.symbols.unknownSize()) : literal(declared)
}
