import {
  add,
  type LinearModel,
  type LinearValue,
  multiply,
  NotLinear,
  repeat,
  shiftThenScale,
  times,
} from './linear-model.ts'
import type { OnnxGraph, OnnxModel, OnnxNode } from './onnx-model.ts'
import { type OnnxTensor, type ReadExternal, tensorData } from './onnx-tensor.ts'

export type FoundLinearModel =
  | { readonly kind: 'linear'; readonly model: LinearModel }
  /** `why` completes "the model is not linear: …". */
  | { readonly kind: 'other'; readonly why: string }

/** The standard operators and those of machine learning. */
const knownDomains = new Set(['', 'ai.onnx', 'ai.onnx.ml'])

/** Operators with which exporters negate a score. */
const negating = new Set(['Neg', 'Mul'])

/** Operators that copy the values of a row. */
const copying = new Set(['Identity', 'Cast', 'Flatten'])

/** TensorProto.DataType of float32 and float64. */
const floatTypes = new Set([1n, 11n])

/** Operators that make probabilities and labels of scores, as exporters write them behind a linear model. */
const afterScores = new Set([
  ...['Identity', 'Cast', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'Concat'],
  ...['Normalizer', 'Softmax', 'LogSoftmax', 'Sigmoid', 'ZipMap', 'ArgMax', 'ArrayFeatureExtractor', 'Gather'],
  ...['Neg', 'Sub', 'Greater', 'Less', 'GreaterOrEqual', 'LessOrEqual', 'Where', 'Not', 'Binarizer', 'LabelEncoder'],
])

/**
 * Finds the weights of a linear model: `LinearClassifier`, `LinearRegressor`, `Gemm`, or `MatMul` with `Add`, behind a scaling of the
 * features if there is one.
 *
 * @param readExternal  reads weights that are in a file beside the model
 */
export function findLinearModel({ graph }: OnnxModel, readExternal?: ReadExternal): FoundLinearModel {
  try {
    return { kind: 'linear', model: readScores(graph, readExternal) }
  } catch (failure) {
    if (failure instanceof NotLinear) return { kind: 'other', why: failure.message }
    throw failure
  }
}

function readScores(
  { inputs, initializers, nodes, outputs }: OnnxGraph,
  readExternal: ReadExternal | undefined,
): LinearModel {
  const constants = new Map(initializers.map(tensor => [tensor.name, tensor]))
  const own = inputs.filter(({ name }) => !constants.has(name))
  const [input] = own
  if (!input || own.length > 1) throw new NotLinear(`it has ${own.length} inputs, and encrypted features are one`)
  const shape = input.type?.kind === 'tensor' ? input.type.shape : undefined
  const width = countFeatures(shape)
  const uses = (of: string) =>
    nodes.filter(node => node.inputs.includes(of)).length + outputs.filter(output => output.name === of).length
  let name = input.name
  let value: LinearValue = { kind: 'scaled' }
  let isFlat = (shape?.length ?? 2) <= 2
  let isOver = false
  for (const node of nodes) {
    if (!knownDomains.has(node.domain)) throw new NotLinear(`it has the operator ${node.domain}.${node.operator}`)
    const constant = node.operator === 'Constant' ? node.attributes.get('value')?.tensor : undefined
    if (constant) {
      constants.set(node.outputs[0] as string, constant)
      continue
    }
    const isNext: boolean = !isOver && node.inputs.includes(name)
    const next: LinearValue | undefined = isNext
      ? advance(value, node, { name, width, isFlat, read: read(constants, readExternal) })
      : undefined
    // scikit-learn's exports write -s beside s for two classes; the score is s.
    if (next && value.kind === 'sums' && negating.has(node.operator) && uses(name) > 1) isOver = true
    else if (next) {
      isFlat ||= node.operator === 'Flatten'
      value = next
      // Labels come first, scores second.
      name = (node.operator === 'LinearClassifier' ? node.outputs[1] : node.outputs[0]) ?? ''
      isOver = node.operator === 'LinearClassifier'
    } else if (value.kind === 'sums' && afterScores.has(node.operator)) isOver = true
    else throw new NotLinear(`it has the operator ${node.operator}`)
  }
  if (value.kind === 'scaled') throw new NotLinear('it has no sums of products with weights')
  const { kind: _, ...model } = value
  if (width !== undefined && width !== model.featureCount)
    throw new NotLinear(`its input has ${width} values, and its weights are for ${model.featureCount}`)
  return model
}

/** Numbers of a constant, with its dimensions. */
type ReadConstant = (name: string | undefined) => { readonly values: Float64Array; readonly dims: readonly number[] }

function read(constants: ReadonlyMap<string, OnnxTensor>, readExternal: ReadExternal | undefined): ReadConstant {
  return name => {
    const tensor = constants.get(name ?? '')
    if (!tensor) throw new NotLinear(`"${name}" is no constant`)
    const data = tensorData(tensor, readExternal)
    if (!data || Array.isArray(data)) throw new NotLinear(`the numbers of "${name}" cannot be read`)
    return { values: Float64Array.from(data as ArrayLike<number>, Number), dims: tensor.dims }
  }
}

interface Context {
  /** Of the value. */
  readonly name: string
  /** Declared size of a row. */
  readonly width: number | undefined
  /** Whether a row has a single dimension. */
  readonly isFlat: boolean
  readonly read: ReadConstant
}

/** @returns undefined when the operator is no linear step */
function advance(value: LinearValue, node: OnnxNode, { name, width, isFlat, read }: Context): LinearValue | undefined {
  const { operator, inputs, attributes } = node
  if (operator === 'Flatten' && (attributes.get('axis')?.int ?? 1n) !== 1n) return undefined
  if (copying.has(operator)) {
    const isFloat = operator !== 'Cast' || floatTypes.has(attributes.get('to')?.int ?? 0n)
    return isFloat ? value : undefined
  }
  if (!isFlat) return advanceUnflattened(value, node, { name, read })
  const floats = (attribute: string) => Float64Array.from(attributes.get(attribute)?.floats ?? [])
  if (operator === 'LinearClassifier' || operator === 'LinearRegressor') {
    if (value.kind === 'sums') return undefined
    const coefficients = floats('coefficients')
    const intercepts = floats('intercepts')
    const targets = operator === 'LinearRegressor' ? Number(attributes.get('targets')?.int ?? 1n) : 0
    const rows = targets || intercepts.length || countRows(coefficients.length, width)
    if (operator === 'LinearRegressor' && !['', 'NONE'].includes(attributes.get('post_transform')?.string ?? ''))
      throw new NotLinear('its regressor transforms scores')
    const sums = multiply(value, coefficients, rows, intercepts)
    const { strings = [] } = attributes.get('classlabels_strings') ?? {}
    const labels = strings.length > 0 ? strings : (attributes.get('classlabels_ints')?.ints ?? []).map(Number)
    return labels.length === rows ? { ...sums, labels } : sums
  }
  if (operator === 'Scaler') return shiftThenScale(value, floats('offset'), floats('scale'))
  if (operator === 'Gemm') {
    if (inputs[0] !== name || flag(node, 'transA')) return undefined
    const { values, dims } = read(inputs[1])
    const [alpha, beta] = [factor(node, 'alpha'), factor(node, 'beta')]
    const isTransposed = flag(node, 'transB')
    const weights = isTransposed ? values : transpose(values, dims)
    const rows = dims[isTransposed ? 0 : 1] ?? 0
    const bias = inputs[2] ? repeat(read(inputs[2]).values, rows) : new Float64Array(rows)
    return multiply(
      value,
      weights.map(each => each * alpha),
      rows,
      bias.map(each => each * beta),
    )
  }
  if (operator === 'MatMul') {
    if (inputs[0] !== name) return undefined
    const { values, dims } = read(inputs[1])
    if (dims.length > 2) throw new NotLinear('its MatMul has weights that are no matrix')
    const columns = dims[1] ?? 1 // a vector is a single column
    return multiply(value, transpose(values, [dims[0] ?? 1, columns]), columns, new Float64Array(columns))
  }
  return combineWithConstant(value, node, { name, read })
}

/** Before `Flatten` features have several dimensions, so only a number for all of them is known to be one for each. */
function advanceUnflattened(
  value: LinearValue,
  node: OnnxNode,
  context: Pick<Context, 'name' | 'read'>,
): LinearValue | undefined {
  const read: ReadConstant = name => {
    const constant = context.read(name)
    if (constant.values.length !== 1) throw new NotLinear('its features have several dimensions')
    return constant
  }
  return combineWithConstant(value, node, { ...context, read })
}

/** `Add`, `Sub`, `Mul`, `Div`, `Neg` */
function combineWithConstant(
  value: LinearValue,
  { operator, inputs }: OnnxNode,
  { name, read }: Pick<Context, 'name' | 'read'>,
): LinearValue | undefined {
  const negative = Float64Array.of(-1)
  if (operator === 'Neg') return times(value, negative)
  if (!['Add', 'Sub', 'Mul', 'Div'].includes(operator)) return undefined
  const isFirst = inputs[0] === name
  const { values } = read(isFirst ? inputs[1] : inputs[0])
  if (!isFirst && operator === 'Div') throw new NotLinear('it divides by features or scores')
  if (!isFirst && operator === 'Sub') return add(times(value, negative), values)
  switch (operator) {
    case 'Add':
      return add(value, values)
    case 'Sub':
      return add(
        value,
        values.map(each => -each),
      )
    case 'Mul':
      return times(value, values)
    default:
      return times(
        value,
        values.map(each => 1 / each),
      )
  }
}

const factor = ({ attributes }: OnnxNode, name: string) => attributes.get(name)?.float ?? 1
const flag = ({ attributes }: OnnxNode, name: string) => (attributes.get(name)?.int ?? 0n) !== 0n

/** @returns undefined when the model declares no size */
function countFeatures(shape: readonly unknown[] | undefined): number | undefined {
  if (!shape || shape.length < 2) return undefined
  const product = shape.slice(1).reduce<number>((size, each) => size * (typeof each === 'number' ? each : 0), 1)
  return product > 0 ? product : undefined
}

function countRows(count: number, width: number | undefined): number {
  if (width !== undefined) return count / width
  throw new NotLinear('its input declares no size, and its classifier no intercepts')
}

function transpose(values: Float64Array, [rows = 0, columns = 0]: readonly number[]): Float64Array {
  return Float64Array.from(values, (_, at) => values[(at % rows) * columns + Math.floor(at / rows)] as number)
}
