import { seededRandom } from '../../test/support/seeded-random.ts'

export interface EncryptedCase {
  readonly name: string
  readonly weights: readonly (readonly number[])[]
  readonly bias: readonly number[]
  readonly features: readonly number[]
  /** Of the fast mode: what makes integers of the features. */
  readonly featureScale: number
  readonly maxFeature: number
}

/** The shapes of scikit-learn's digits, of MNIST, which the tutorial has, and a wide one of two ciphertexts. */
export function encryptedCases(): EncryptedCase[] {
  const random = seededRandom(14)
  const make = (classCount: number, featureCount: number, featureScale: number, maxFeature: number): EncryptedCase => ({
    name: `${classCount}x${featureCount}`,
    weights: Array.from({ length: classCount }, () => Array.from({ length: featureCount }, () => (random() - 0.5) / 5)),
    bias: Array.from({ length: classCount }, () => random() - 0.5),
    features: Array.from(
      { length: featureCount },
      () => Math.floor(random() * (maxFeature * featureScale + 1)) / featureScale,
    ),
    featureScale,
    maxFeature,
  })
  return [make(10, 64, 1, 16), make(10, 784, 255, 1), make(3, 5000, 255, 1)]
}

export const exactScores = ({ weights, bias, features }: EncryptedCase): number[] =>
  weights.map((row, index) =>
    row.reduce((sum, weight, at) => sum + weight * (features[at] as number), bias[index] as number),
  )
