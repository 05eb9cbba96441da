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
  /** The same for features that are multiples of 1 / featureScale, which are not rounded. */
  readonly maxErrorOfMultiples: number
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
 * Chooses the scales for a model so that noise cannot change a score.
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
  const norms = measure(model)
  const scales = range.featureScale === undefined ? powersOfTwo : [range.featureScale]
  let best: BfvPlan | undefined
  for (const featureScale of scales) {
    const plan = planWithScale(norms, range.maxFeature, featureScale)
    if (plan && !(best && best.maxError <= plan.maxError)) best = plan
  }
  const largestWeight = largestMagnitude(weights)
  if (!best || (largestWeight > 0 && largestWeight * best.weightScale < 2 ** minWeightBits)) {
    const bits = best ? Math.floor(Math.log2(largestWeight * best.weightScale)) : 0
    throw new ServiceLoadError(
      `with ${featureCount} features up to ${range.maxFeature}${range.featureScale === undefined ? '' : ` at the scale ${range.featureScale}`}, ${bits} bits are left for weights up to ${largestWeight}, and encrypted inference (BFV) takes at least ${minWeightBits}: scale the features, or declare a smaller largest feature`,
    )
  }
  return { ...best, ...measureErrors(model, best) }
}

/** Errors at the scales of a plan, with the rounding that each weight really has. */
function measureErrors(
  { weights, bias, featureCount }: LinearWeights,
  { maxFeature, featureScale, weightScale }: BfvPlan,
): Pick<BfvPlan, 'maxError' | 'maxErrorOfMultiples'> {
  const largest = Math.ceil(maxFeature * featureScale) / featureScale
  const biasScale = weightScale * featureScale
  const offBy = (value: number, scale: number) => Math.abs(Math.round(value * scale) / scale - value)
  let [maxError, maxErrorOfMultiples] = [0, 0]
  bias.forEach((value, row) => {
    let [sum, ofWeights] = [0, 0]
    for (let at = row * featureCount, end = at + featureCount; at < end; at++) {
      const weight = weights[at] as number
      sum += Math.abs(weight)
      ofWeights += offBy(weight, weightScale) * largest
    }
    const error = ofWeights + offBy(value, biasScale)
    // A feature is off by half a step at most, times its weight.
    maxError = Math.max(maxError, sum / (2 * featureScale) + error)
    maxErrorOfMultiples = Math.max(maxErrorOfMultiples, error)
  })
  return { maxError, maxErrorOfMultiples }
}

const powersOfTwo = Array.from({ length: 33 }, (_, exponent) => 2 ** (exponent - 8))

/** What is known of weights before they are scaled and rounded. */
interface Norms {
  readonly featureCount: number
  readonly classCount: number
  readonly classesPerPolynomial: number
  readonly rows: readonly { readonly sum: number; readonly count: number; readonly bias: number }[]
  readonly polynomials: readonly { readonly sum: number; readonly squares: number; readonly count: number }[]
}

/** Sums of absolute values, sums of squares, and how many are not zero: per class, and per polynomial, whose classes share their noise. */
function measure({ weights, bias, featureCount }: LinearWeights): Norms {
  const classCount = bias.length
  const classesPerPolynomial = Math.min(classCount, Math.floor(degree / featureCount))
  const rows = Array.from(bias, (value, row) => {
    const own = weights.subarray(row * featureCount, (row + 1) * featureCount)
    return {
      sum: own.reduce((sum, weight) => sum + Math.abs(weight), 0),
      squares: own.reduce((sum, weight) => sum + weight * weight, 0),
      count: own.reduce((count, weight) => (weight === 0 ? count : count + 1), 0),
      bias: Math.abs(value),
    }
  })
  const polynomials = Array.from({ length: Math.ceil(classCount / classesPerPolynomial) }, (_, number) =>
    rows
      .slice(number * classesPerPolynomial, (number + 1) * classesPerPolynomial)
      .reduce((total, { sum, squares, count }) => ({
        sum: total.sum + sum,
        squares: total.squares + squares,
        count: total.count + count,
        bias: 0,
      })),
  )
  return { featureCount, classCount, classesPerPolynomial, rows, polynomials }
}

function planWithScale(norms: Norms, maxFeature: number, featureScale: number): BfvPlan | undefined {
  const short = findLargestScale(norms, maxFeature, featureScale, 5)
  const long = findLargestScale(norms, maxFeature, featureScale, 6)
  // A larger reply, where that makes scores more exact.
  return short && long && short.weightScale >= long.weightScale ? short : long
}

function findLargestScale(
  norms: Norms,
  maxFeature: number,
  featureScale: number,
  wordBytes: number,
): BfvPlan | undefined {
  // The margin falls with the scale.
  let [smallest, tooLarge] = [-maxScaleBits, maxScaleBits + 1]
  let plan: BfvPlan | undefined
  while (smallest < tooLarge) {
    const bits = Math.floor((smallest + tooLarge) / 2)
    const candidate = planScales(norms, { maxFeature, featureScale, weightScale: 2 ** bits, wordBytes })
    if (candidate.margin >= minMargin) {
      plan = candidate
      smallest = bits + 1
    } else tooLarge = bits
  }
  return plan
}

/** A weight that is not zero is at most half a step larger when it is rounded, which the sums allow for. */
function planScales(
  { rows, polynomials, ...counts }: Norms,
  scales: Pick<BfvPlan, 'maxFeature' | 'featureScale' | 'weightScale' | 'wordBytes'>,
): BfvPlan {
  const { featureScale, weightScale, wordBytes } = scales
  const maxInteger = Math.ceil(scales.maxFeature * featureScale)
  let [maxScore, maxError] = [0, 0]
  for (const { sum, count, bias } of rows) {
    const biasInteger = bias * weightScale * featureScale + 0.5
    maxScore = Math.max(maxScore, (sum * weightScale + count / 2) * maxInteger + biasInteger)
    // Features off by half a step, times exact weights; weights off by half a step, times rounded features; the bias.
    const ofWeights = (count * maxInteger) / (2 * weightScale * featureScale)
    maxError = Math.max(maxError, sum / (2 * featureScale) + ofWeights + 1 / (2 * weightScale * featureScale))
  }
  let [maxNorm, maxSum] = [0, 0]
  for (const { sum, squares, count } of polynomials) {
    maxNorm = Math.max(maxNorm, Math.sqrt(squares) * weightScale + Math.sqrt(count) / 2)
    maxSum = Math.max(maxSum, sum * weightScale + count / 2)
  }
  const plainBits = Math.max(2, Math.floor(Math.log2(2 * maxScore + 1)) + 1)
  const dropped = droppedBits(wordBytes)
  // What was dropped is multiplied with the secret key, whose coefficients are -1, 0 and 1.
  const variance = noiseVariance * maxNorm ** 2 + (dropped > 0 ? 4 ** (dropped - 1) * degree : 0)
  // The request's coefficients are rounded to the nearest, each times a weight; so is the bias.
  const capacity = Number(prime.q) / 2 ** (plainBits + 1) - maxSum / 2 - 1
  // Sums in the kernel, and integers in doubles, must be exact.
  const isExact = maxSum < 2 ** 36 && maxScore < 2 ** 52
  const margin = variance === 0 ? Number.MAX_VALUE : capacity / Math.sqrt(variance)
  return { ...counts, plainBits, ...scales, maxError, maxErrorOfMultiples: maxError, margin: isExact ? margin : 0 }
}
