import type { Rule } from './operator-call.ts'
import { attentionRules, contribAttentionRules } from './rules/attention.ts'
import { contribConvolutionRules, convolutionRules } from './rules/convolutions.ts'
import { contribElementwiseRules, elementwiseRules, machineLearningElementwiseRules } from './rules/elementwise.ts'
import { indexingRules } from './rules/indexing.ts'
import { joiningRules } from './rules/joining.ts'
import { machineLearningRules } from './rules/machine-learning.ts'
import { contribMatrixProductRules, matrixProductRules } from './rules/matrix-products.ts'
import { contribNormalizationRules, normalizationRules } from './rules/normalizations.ts'
import { contribQuantizationRules, quantizationRules } from './rules/quantization.ts'
import { recurrentRules } from './rules/recurrent.ts'
import { reductionRules } from './rules/reductions.ts'
import { refusedRules } from './rules/refused.ts'
import { reshapingRules } from './rules/reshaping.ts'
import { resizingRules } from './rules/resizing.ts'
import { contribTextRules, textRules } from './rules/text.ts'

export type RuleTable = ReadonlyMap<string, ReadonlyMap<string, Rule>>

const asMap = (...families: readonly Readonly<Record<string, Rule>>[]): ReadonlyMap<string, Rule> =>
  new Map(families.flatMap(family => Object.entries(family)))

/** The rules by domain and name of the operator. Operators without a rule are never proven. */
export const ruleTable: RuleTable = new Map([
  [
    '',
    asMap(
      elementwiseRules,
      matrixProductRules,
      convolutionRules,
      normalizationRules,
      reductionRules,
      indexingRules,
      reshapingRules,
      joiningRules,
      resizingRules,
      quantizationRules,
      recurrentRules,
      attentionRules,
      textRules,
      refusedRules,
    ),
  ],
  ['ai.onnx.ml', asMap(machineLearningRules, machineLearningElementwiseRules)],
  [
    'com.microsoft',
    asMap(
      contribElementwiseRules,
      contribMatrixProductRules,
      contribConvolutionRules,
      contribNormalizationRules,
      contribQuantizationRules,
      contribAttentionRules,
      contribTextRules,
      { DynamicQuantizeMatMul: refusedRules.DynamicQuantizeMatMul as Rule },
      { DynamicQuantizeLSTM: refusedRules.DynamicQuantizeLSTM as Rule },
    ),
  ],
])

/**
 * The newest version of each operator set that the rules were checked against. A later one may give an operator another
 * meaning, so that nothing is proven there.
 */
export const newestKnownOpset: ReadonlyMap<string, number> = new Map([
  ['', 26],
  ['ai.onnx.ml', 5],
  ['com.microsoft', 1],
])
