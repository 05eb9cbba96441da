import { ServiceLoadError } from '../../errors.ts'
import { checkWeights, type LinearWeights, largestMagnitude } from '../linear-weights.ts'
import { type BfvLayout, degree, droppedBits, prime } from './layout.ts'

export interface FeatureRange {
  /** The largest absolute value of a feature. */
  readonly maxFeature: number
  /** What features are multiplied with before they are rounded, such as 255 for k/255. If it is not given, it is chosen for the smallest error. */
  readonly featureScale?: number
}

export interface BfvPlan extends BfvLayout {
  /** How far a score can be from that of the weights: rounding of weights, features and bias. The encryption adds nothing. */
  readonly maxError: number
  /** The noise that a reply may have, in standard deviations of what it has: at least `minMargin`. */
  readonly margin: number
}

/** A sum of independent noises is larger than so many standard deviations once in 2^130 (Hoeffding: 2 exp(-13.5^2 / 2)). */
const minMargin = 13.5
/** Of each coefficient of a fresh ciphertext: SEAL's centered binomial distribution of 42 bits. */
const noiseVariance = 42 / 4
/** Below, weights are rounded too coarsely. */
const minWeightBits = 7
const maxScaleBits = 50

/**
 * Chooses the scales for a model so that noise can not change a score.
 *
 * @throws ServiceLoadError when there are none, with the numbers
 */
export function planCoefficients(model: LinearWeights, range: FeatureRange): BfvPlan {
  checkWeights(model)
  const { weights, featureCount } = model
  if (featureCount > degree)
    throw new ServiceLoadError(
      `encrypted inference (BFV) takes up to ${degree} features, the model has ${featureCount}`,
    )
  if (!(range.maxFeature > 0 && Number.isFinite(range.maxFeature)))
    throw new ServiceLoadError(`the largest feature is ${range.maxFeature}, expected a positive number`)
  const scales = range.featureScale === undefined ? powersOfTwo : [range.featureScale]
  let best: BfvPlan | undefined
  for (const featureScale of scales) {
    const plan = planWithScale(model, range.maxFeature, featureScale)
    if (plan && !(best && best.maxError <= plan.maxError)) best = plan
  }
  const largestWeight = largestMagnitude(weights)
  if (!best || (largestWeight > 0 && largestWeight * best.weightScale < 2 ** minWeightBits)) {
    const bits = best ? Math.floor(Math.log2(largestWeight * best.weightScale)) : 0
    throw new ServiceLoadError(
      `with ${featureCount} features up to ${range.maxFeature}${range.featureScale === undefined ? '' : ` at the scale ${range.featureScale}`}, ${bits} bits are left for weights up to ${largestWeight}, and encrypted inference (BFV) takes at least ${minWeightBits}: scale the features, or declare a smaller largest feature`,
    )
  }
  return best
}

const powersOfTwo = Array.from({ length: 33 }, (_, exponent) => 2 ** (exponent - 8))

function planWithScale(model: LinearWeights, maxFeature: number, featureScale: number): BfvPlan | undefined {
  const short = largestPlan(model, maxFeature, featureScale, 5)
  const long = largestPlan(model, maxFeature, featureScale, 6)
  // A larger reply, where that makes scores more exact.
  return short && long && short.weightScale >= long.weightScale ? short : long
}

function largestPlan(
  model: LinearWeights,
  maxFeature: number,
  featureScale: number,
  wordBytes: number,
): BfvPlan | undefined {
  // The margin falls with the scale.
  let [smallest, tooLarge] = [-maxScaleBits, maxScaleBits + 1]
  let plan: BfvPlan | undefined
  while (smallest < tooLarge) {
    const bits = Math.floor((smallest + tooLarge) / 2)
    const candidate = planExactly(model, { maxFeature, featureScale, weightScale: 2 ** bits, wordBytes })
    if (candidate.margin >= minMargin) {
      plan = candidate
      smallest = bits + 1
    } else tooLarge = bits
  }
  return plan
}

function planExactly(
  model: LinearWeights,
  scales: Pick<BfvPlan, 'maxFeature' | 'featureScale' | 'weightScale' | 'wordBytes'>,
): BfvPlan {
  const { weights, bias, featureCount } = model
  const { featureScale, weightScale, wordBytes } = scales
  const classCount = bias.length
  const classesPerPolynomial = Math.min(classCount, Math.floor(degree / featureCount))
  const maxInteger = Math.ceil(scales.maxFeature * featureScale)
  let [maxScore, maxError, maxSquares, maxSum] = [0, 0, 0, 0]
  for (let first = 0; first < classCount; first += classesPerPolynomial) {
    // Every coefficient of a product has noise from all weights of its polynomial.
    let [squares, sum] = [0, 0]
    for (let row = first; row < Math.min(first + classesPerPolynomial, classCount); row++) {
      let [rowSum, exactSum] = [0, 0]
      for (let at = row * featureCount, end = at + featureCount; at < end; at++) {
        const integer = Math.abs(Math.round((weights[at] as number) * weightScale))
        rowSum += integer
        squares += integer * integer
        exactSum += Math.abs(weights[at] as number)
      }
      sum += rowSum
      const biasInteger = Math.abs(Math.round((bias[row] as number) * weightScale * featureScale))
      maxScore = Math.max(maxScore, rowSum * maxInteger + biasInteger)
      // Features off by half a step and exact weights, then weights off by half a step and rounded features.
      const error =
        exactSum / (2 * featureScale) +
        (featureCount * maxInteger) / (2 * weightScale * featureScale) +
        1 / (2 * weightScale * featureScale)
      maxError = Math.max(maxError, error)
    }
    maxSquares = Math.max(maxSquares, squares)
    maxSum = Math.max(maxSum, sum)
  }
  const plainBits = Math.max(2, Math.floor(Math.log2(2 * maxScore + 1)) + 1)
  const dropped = droppedBits(wordBytes)
  // What was dropped is multiplied with the secret key, whose coefficients are -1, 0 and 1.
  const variance = noiseVariance * maxSquares + (dropped > 0 ? 4 ** (dropped - 1) * degree : 0)
  // The request's coefficients are rounded to the nearest, each times a weight; so is the bias.
  const capacity = Number(prime.q) / 2 ** (plainBits + 1) - maxSum / 2 - 1
  const margin = capacity / Math.sqrt(variance)
  // Sums in the kernel, and products of integers in this file, must be exact.
  const isExact = maxSum < 2 ** 36 && maxScore < 2 ** 52
  return {
    ...{ featureCount, classCount, classesPerPolynomial, plainBits, ...scales, maxError },
    margin: isExact ? (variance === 0 ? Number.MAX_VALUE : margin) : 0,
  }
}
