import { ServiceLoadError } from '../errors.ts'

/** A linear model: scores = weights * features + bias. */
export interface LinearWeights {
  /** Row by row, one for each class. */
  readonly weights: Float64Array
  /** One for each class. */
  readonly bias: Float64Array
  readonly featureCount: number
}

/** @throws ServiceLoadError when the counts do not agree or a number is not finite */
export function checkWeights({ weights, bias, featureCount }: LinearWeights): void {
  const expected = bias.length * featureCount
  if (expected < 1 || weights.length !== expected)
    throw new ServiceLoadError(
      `a linear model with ${bias.length} classes and ${featureCount} features has ${expected} weights, at least one; got ${weights.length}`,
    )
  if (!weights.every(Number.isFinite) || !bias.every(Number.isFinite))
    throw new ServiceLoadError('encrypted inference takes finite weights, and the model has NaN or infinity')
}

export const largestMagnitude = (values: Float64Array): number =>
  values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
