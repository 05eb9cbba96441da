import { broadcast, broadcastSince } from '../broadcasting.ts'
import { DrawsRandomNumbers } from '../not-proven.ts'
import type { OperatorCall, Rule } from '../operator-call.ts'
import { constant, type State, tensor } from '../row-state.ts'

const aligned = [
  'Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish',
  'IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal RegexFullMatch Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus',
  'Softsign Sqrt Swish Tan Tanh ThresholdedRelu',
  'BitShift BitwiseAnd BitwiseOr BitwiseXor Mod StringConcat Where GreaterOrEqual LessOrEqual',
]
const alignedSinceOpset7 = 'Add And Div Equal Greater Less Mul Or Pow PRelu Sub Xor'
const alignedSinceOpset8 = 'Max Mean Min Sum'

export const elementwiseRules: Readonly<Record<string, Rule>> = {
  ...forEach(aligned.join(' '), broadcast),
  ...forEach(alignedSinceOpset7, broadcastSince(6)),
  ...forEach(alignedSinceOpset8, broadcastSince(7)),
  Identity: call => call.state(0),
  CastLike: call => call.tensor(0),
  Dropout: dropout,
}

export const machineLearningElementwiseRules: Readonly<Record<string, Rule>> = forEach(
  'Binarizer CategoryMapper LabelEncoder',
  broadcast,
)

export const contribElementwiseRules: Readonly<Record<string, Rule>> = forEach(
  'BiasGelu FastGelu Gelu QuickGelu',
  broadcast,
)

/** Copies its input, unless it is training. */
function dropout(call: OperatorCall): readonly State[] {
  if (isTraining(call)) throw new DrawsRandomNumbers('drops entries at random (it is in training mode)')
  const data = call.tensor(0)
  return [data, data.shape ? tensor(data.shape, data) : constant()]
}

function isTraining(call: OperatorCall): boolean {
  if (call.opset < 7) return call.int('is_test', 0) !== 1
  if (call.opset < 12 || !call.has(2)) return false
  const [mode] = call.constantIntegers(2, 'mode') ?? []
  return mode !== 0
}

function forEach(operators: string, rule: Rule): Record<string, Rule> {
  return Object.fromEntries(operators.split(' ').map(operator => [operator, rule]))
}
