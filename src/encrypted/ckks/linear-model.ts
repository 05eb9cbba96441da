import { ServiceLoadError } from '../../errors.ts'
import { checkWeights, type LinearWeights, largestMagnitude } from '../linear-weights.ts'
import { main, middle, type RotationStep, requestScale, rotationSteps, slotCount } from './parameters.ts'
import { encodeSlots } from './slots.ts'

/** How a model is laid out over slots, and the scale of its scores. */
export interface SlotPlan {
  readonly classCount: number
  readonly featureCount: number
  /** Ciphertexts of a request, 4,096 features each. */
  readonly blockCount: number
  /** Two classes are the real and the imaginary part of a slot: a pair. */
  readonly pairCount: number
  /** A power of two from which the pairs repeat: slot s belongs to pair s mod `period`. */
  readonly period: number
  /** Rotations of the request that all weights share: 1 or 2. */
  readonly babyCount: number
  /** Sums of products, each rotated by `babyCount` more than the one before. */
  readonly giantCount: number
  /** Rotations whose sum leaves the total of a pair in its slots. */
  readonly foldSteps: readonly RotationStep[]
  /** What replies are multiplied with. */
  readonly scale: number
  /** Scores must be smaller, or they wrap around. */
  readonly maxScore: number
}

export const maxClassCount = 2 * slotCount
const defaultScale = 2 ** 44
const scaleRange = { smallest: 2 ** 24, largest: 2 ** 48 }
/** The prime of replies holds a score up to a half; a quarter is kept for noise, and the parts of a slot count together. */
const capacity = 2 ** 59 / Math.SQRT2 / 1.5
/** Coefficients of encoded weights. */
const maxCoefficient = 2 ** 58

/**
 * Chooses the layout and the scale for a model.
 *
 * @param maxFeature  the largest absolute value of a feature. If it is not known, the scale is 2^44, and scores up to `maxScore` are right.
 * @throws ServiceLoadError when the model does not fit, with the numbers
 */
export function planSlots(model: LinearWeights, maxFeature?: number): SlotPlan {
  checkWeights(model)
  const { bias, featureCount } = model
  const classCount = bias.length
  if (classCount > maxClassCount)
    throw new ServiceLoadError(`encrypted inference takes up to ${maxClassCount} classes, the model has ${classCount}`)
  const pairCount = Math.ceil(classCount / 2)
  const period = powerOfTwoFrom(pairCount)
  const blockCount = Math.ceil(featureCount / slotCount)
  const babyCount = Math.min(period, 2)
  // With more than one pair, the products of the first features are in the last slots, so that all slots must be added.
  const window = period > 1 ? slotCount : Math.min(slotCount, powerOfTwoFrom(featureCount))
  const scale = chooseScale(model, maxFeature)
  return {
    classCount,
    featureCount,
    blockCount,
    pairCount,
    period,
    babyCount,
    giantCount: period / babyCount,
    foldSteps: rotationSteps.filter(step => step >= period && step < window),
    scale,
    maxScore: capacity / scale,
  }
}

function chooseScale({ weights, bias, featureCount }: LinearWeights, maxFeature: number | undefined): number {
  const largestWeight = largestMagnitude(weights)
  let scale = defaultScale
  if (maxFeature !== undefined) {
    const largestScore = bias.reduce((largest, value, row) => {
      let sum = 0
      for (let at = row * featureCount, end = at + featureCount; at < end; at++) sum += Math.abs(weights[at] as number)
      return Math.max(largest, sum * maxFeature + Math.abs(value))
    }, 0)
    scale = Math.min(scaleRange.largest, 2 ** Math.floor(Math.log2(capacity / largestScore)))
    if (!(scale >= scaleRange.smallest))
      throw new ServiceLoadError(
        `with features up to ${maxFeature} scores may reach ${largestScore}, and encrypted inference takes up to ${capacity / scaleRange.smallest}: scale the weights or the features`,
      )
  }
  const largestBias = largestMagnitude(bias)
  if (!(largestBias < capacity / scale))
    throw new ServiceLoadError(
      `the largest bias is ${largestBias}, and encrypted inference takes scores up to ${capacity / scale} at the scale 2^${Math.log2(scale)}: scale the weights`,
    )
  const weightScale = scale * weightFactor
  if (largestWeight * Math.SQRT2 * weightScale >= maxCoefficient) {
    const limit = maxCoefficient / Math.SQRT2 / weightScale
    throw new ServiceLoadError(
      `the largest weight is ${largestWeight}, and encrypted inference takes up to ${limit} at the scale 2^${Math.log2(scale)}: scale the weights`,
    )
  }
  return scale
}

/** Weights are encoded at this times the scale, so that exactly the scale is left when `middle` is dropped. */
const weightFactor = Number(middle.q) / requestScale

function powerOfTwoFrom(count: number): number {
  return 2 ** Math.ceil(Math.log2(count))
}

/**
 * The weights of a giant and a baby for a block of features, as rounded coefficients: slot t has those of feature t + baby for the
 * pair t - giant * babyCount (modulo the period). Undefined if all are zero.
 */
export function encodeWeights(
  { weights, featureCount }: LinearWeights,
  plan: SlotPlan,
  place: { readonly block: number; readonly giant: number; readonly baby: number },
): BigInt64Array | undefined {
  const real = new Float64Array(slotCount)
  const imaginary = new Float64Array(slotCount)
  let isZero = true
  for (let slot = 0; slot < slotCount; slot++) {
    const feature = place.block * slotCount + ((slot + place.baby) % slotCount)
    const shifted = slot - place.giant * plan.babyCount
    const pair = ((shifted % plan.period) + plan.period) % plan.period
    if (feature >= featureCount || pair >= plan.pairCount) continue
    const weight = weights[2 * pair * featureCount + feature] as number
    const next = 2 * pair + 1 < plan.classCount ? (weights[(2 * pair + 1) * featureCount + feature] as number) : 0
    real[slot] = weight
    imaginary[slot] = next
    if (weight !== 0 || next !== 0) isZero = false
  }
  if (isZero) return undefined
  const factor = plan.scale * weightFactor
  return BigInt64Array.from(encodeSlots(real, imaginary), value => BigInt(Math.round(value * factor)))
}

/** The bias of a class as an integer modulo the prime of replies. */
export function encodeBias(bias: number, scale: number): bigint {
  return BigInt.asIntN(64, BigInt(Math.round(bias * scale))) + (bias < 0 ? main.q : 0n)
}
