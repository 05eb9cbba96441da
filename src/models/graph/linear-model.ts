/** What a model computes before probabilities and labels: weights * features + bias. */
export interface LinearModel {
  /** Row by row, one for each class. */
  readonly weights: Float64Array
  /** One for each class. */
  readonly bias: Float64Array
  readonly featureCount: number
  /** Names of the classes, where the model has one for each. */
  readonly labels?: readonly (string | number)[]
}

/** Features, each times a scale and plus an offset; undefined: 1 and 0. */
interface Scaled {
  readonly kind: 'scaled'
  readonly scale?: Float64Array
  readonly offset?: Float64Array
}

type Sums = { readonly kind: 'sums' } & LinearModel
/** What the operators of a linear model have made of its features so far. */
export type LinearValue = Scaled | Sums

/** The message completes "the model is not linear: …". */
export class NotLinear extends Error {}

/** @param values  one for each feature or sum, or one for all */
export function add(value: LinearValue, values: Float64Array): LinearValue {
  if (value.kind === 'sums')
    return { ...value, bias: combine(value.bias, repeat(values, value.bias.length), (a, b) => a + b) }
  const offset = value.offset ? combineAny(value.offset, values, (a, b) => a + b) : values
  return { ...value, offset }
}

/** @param values  one for each feature or sum, or one for all */
export function times(value: LinearValue, values: Float64Array): LinearValue {
  if (value.kind === 'scaled')
    return {
      kind: 'scaled',
      scale: value.scale ? combineAny(value.scale, values, (a, b) => a * b) : values,
      ...(value.offset && { offset: combineAny(value.offset, values, (a, b) => a * b) }),
    }
  const { weights, bias, featureCount } = value
  const factors = repeat(values, bias.length)
  return {
    ...value,
    weights: weights.map((weight, at) => weight * (factors[Math.floor(at / featureCount)] as number)),
    bias: combine(bias, factors, (a, b) => a * b),
  }
}

/** `Scaler`: (x - offset) * scale. */
export function shiftThenScale(value: LinearValue, offset: Float64Array, scale: Float64Array): LinearValue {
  const shifted =
    offset.length > 0
      ? add(
          value,
          offset.map(each => -each),
        )
      : value
  return scale.length > 0 ? times(shifted, scale) : shifted
}

/**
 * Multiplies features or sums with weights, and adds a bias.
 *
 * @param weights  row by row
 * @param given  the bias, one for each row; empty: 0
 * @throws NotLinear when their sizes do not agree
 */
export function multiply(value: LinearValue, weights: Float64Array, rows: number, given: Float64Array): Sums {
  if (rows < 1 || !Number.isInteger(weights.length / rows)) throw new NotLinear('the sizes of its weights do not agree')
  const columns = weights.length / rows
  const bias = given.length === 0 ? new Float64Array(rows) : given.slice()
  if (bias.length !== rows) throw new NotLinear('the sizes of its weights do not agree')
  if (value.kind === 'sums') return compose(value, weights, bias)
  const scale = value.scale && repeat(value.scale, columns)
  const offset = value.offset && repeat(value.offset, columns)
  if (offset)
    weights.forEach((weight, at) => {
      bias[Math.floor(at / columns)]! += weight * (offset[at % columns] as number)
    })
  return {
    kind: 'sums',
    weights: scale ? weights.map((weight, at) => weight * (scale[at % columns] as number)) : weights,
    bias,
    featureCount: columns,
  }
}

/** weights * (inner weights * features + inner bias) + bias */
function compose(inner: LinearModel, weights: Float64Array, bias: Float64Array): Sums {
  const between = inner.bias.length
  const { featureCount } = inner
  if (weights.length !== bias.length * between) throw new NotLinear('the sizes of its weights do not agree')
  const product = new Float64Array(bias.length * featureCount)
  weights.forEach((weight, at) => {
    const row = Math.floor(at / between)
    const from = at % between
    bias[row]! += weight * (inner.bias[from] as number)
    for (let feature = 0; feature < featureCount; feature++)
      product[row * featureCount + feature]! += weight * (inner.weights[from * featureCount + feature] as number)
  })
  return { kind: 'sums', weights: product, bias, featureCount }
}

function combine(a: Float64Array, b: Float64Array, join: (a: number, b: number) => number): Float64Array {
  return a.map((each, at) => join(each, b[at] as number))
}

/** Either may have one number for all. */
function combineAny(a: Float64Array, b: Float64Array, join: (a: number, b: number) => number): Float64Array {
  const count = Math.max(a.length, b.length)
  return combine(repeat(a, count), repeat(b, count), join)
}

/** A number for each column: several, or one for all. @throws NotLinear when they are neither */
export function repeat(values: Float64Array, count: number): Float64Array {
  if (values.length === count) return values
  if (values.length === 1) return new Float64Array(count).fill(values[0] as number)
  throw new NotLinear(`${values.length} numbers are combined with ${count}`)
}
