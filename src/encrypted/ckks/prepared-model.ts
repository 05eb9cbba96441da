import type { LinearWeights } from '../linear-weights.ts'
import type { CkksContext, Polynomials } from './context.ts'
import { encodeBias, encodeWeights, planSlots, type SlotPlan } from './linear-model.ts'
import { degree, main, special } from './parameters.ts'

/** A linear model as requests are multiplied with it. */
export interface PreparedModel {
  readonly bytes: number
  readonly plan: SlotPlan
  /** `products[giant][block][baby]`: weights at main, middle and, for baby 1, special. Undefined: all are zero. */
  readonly products: readonly (readonly (readonly (Polynomials | undefined)[])[])[]
  /** What to add to coefficients 0 and n/2 of a pair's reply, times -special. */
  readonly bias: readonly (readonly [bigint, bigint])[]
}

export function prepareModel(context: CkksContext, model: LinearWeights, maxFeature?: number): PreparedModel {
  const plan = planSlots(model, maxFeature)
  let bytes = 0
  const products = range(plan.giantCount).map(giant =>
    range(plan.blockCount).map(block =>
      range(plan.babyCount).map(baby => {
        const coefficients = encodeWeights(model, plan, { block, giant, baby })
        if (coefficients === undefined) return undefined
        const polynomials = toPoints(context, coefficients, baby)
        bytes += polynomials.byteLength
        return polynomials
      }),
    ),
  )
  const bias = range(plan.pairCount).map(
    pair => [biasTerm(model.bias[2 * pair], plan.scale), biasTerm(model.bias[2 * pair + 1], plan.scale)] as const,
  )
  return { bytes, plan, products, bias }
}

const range = (length: number) => Array.from({ length }, (_, index) => index)

/** Weights at main and special are divided by middle, because their products are going to be. */
function toPoints(context: CkksContext, coefficients: BigInt64Array, baby: number): Polynomials {
  const at = context.scratch.c0
  const rings = [
    { ring: context.main, at: at.main, constant: -context.minusOverMiddle.value },
    { ring: context.middle, at: at.middle, constant: 1n },
    { ring: context.special, at: at.special, constant: -context.minusOverMiddleAtSpecial.value },
  ].slice(0, baby === 0 ? 2 : 3)
  for (const { ring, at, constant } of rings) {
    const words = context.kernel.words(at, degree)
    coefficients.forEach((value, index) => {
      const remainder = value % ring.q
      words[index] = remainder < 0n ? remainder + ring.q : remainder
    })
    ring.toPoints(at)
    ring.scale(at, at, ring.factor(constant))
  }
  return context.save(...rings.map(({ at }) => at))
}

function biasTerm(bias = 0, scale: number): bigint {
  const term = (-encodeBias(bias, scale) * special.q) % main.q
  return term < 0n ? term + main.q : term
}
