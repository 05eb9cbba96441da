import { NotProven } from '../not-proven.ts'
import type { Rule } from '../operator-call.ts'
import { constant } from '../row-state.ts'

/** Operators that are known to read other rows, or their number, and why. Nothing is known of others without a rule. */
const reasons: Readonly<Record<string, string>> = {
  DynamicQuantizeLinear: 'takes one scale from all rows together (dynamic quantisation)',
  DynamicQuantizeMatMul: 'takes one scale from all rows together (dynamic quantisation)',
  DynamicQuantizeLSTM: 'takes one scale from all rows together (dynamic quantisation)',
  NonZero: 'lists the positions of all rows together',
  Unique: 'compares all rows',
  NonMaxSuppression: 'compares all rows',
  MaxUnpool: 'writes to positions that count through all rows',
  MaxRoiPool: 'reads rows by their position in the request',
  RoiAlign: 'reads rows by their position in the request',
  EyeLike: 'numbers the rows',
  SplitToSequence: 'cuts the request into a list',
  NegativeLogLikelihoodLoss: 'is a loss over all rows',
  SoftmaxCrossEntropyLoss: 'is a loss over all rows',
}

export const refusedRules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(
    Object.entries(reasons).map(([operator, reason]) => [
      operator,
      () => {
        throw new NotProven(reason)
      },
    ]),
  ),
  Range: call => {
    if (call.inputs.some(state => state?.kind !== 'constant')) throw new NotProven('counts the rows')
    return constant([call.symbols.unknownSize()])
  },
}

/** Operators that differ from run to run even when all their inputs are constants. */
export const randomOperators: ReadonlySet<string> = new Set([
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
])
