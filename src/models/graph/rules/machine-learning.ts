import { NotProven } from '../not-proven.ts'
import {
  expectRowsOn,
  expectSameRows,
  keepOffRows,
  knownShape,
  type OperatorCall,
  type Rule,
} from '../operator-call.ts'
import { constant, type Shape, type State, type TensorState, tensor } from '../row-state.ts'
import { add, involvesRows, literal, literalValue, multiply, one, type Size } from '../symbolic-size.ts'

/** ai.onnx.ml: tables of `[rows, features]`. A vector is one row there, however long. */
export const machineLearningRules: Readonly<Record<string, Rule>> = {
  TreeEnsembleClassifier: classifier,
  LinearClassifier: classifier,
  SVMClassifier: classifier,
  TreeEnsembleRegressor: call => regressor(call, 'n_targets'),
  TreeEnsemble: call => regressor(call, 'n_targets'),
  LinearRegressor: call => regressor(call, 'targets'),
  SVMRegressor: call => regressor(call, undefined),
  Scaler: table,
  Normalizer: table,
  Imputer: table,
  FeatureVectorizer: featureVectorizer,
  OneHotEncoder: oneHotEncoder,
  ArrayFeatureExtractor: arrayFeatureExtractor,
  ZipMap: zipMap,
}

function table(call: OperatorCall, index = 0): TensorState {
  const data = call.tensor(index)
  if (data.kind === 'rows' && data.shape.length !== 2)
    throw new NotProven('reads a vector as one row (its input must have two axes)')
  expectRowsOn(data, 0)
  return data
}

function countRows(data: TensorState): Size {
  const shape = knownShape(data)
  if (shape.length !== 2) throw new NotProven('reads a vector as one row (its input must have two axes)')
  return shape[0] as Size
}

/** Labels, then scores: one for each label, but for a support vector machine and some linear classifiers of two labels. */
function classifier(call: OperatorCall): readonly State[] {
  const data = table(call)
  const labels =
    call.texts('classlabels_strings').length ||
    call.texts('classlabels_string').length ||
    (call.ints('classlabels_int64s') ?? call.ints('classlabels_ints') ?? []).length
  const isOneScoreEach =
    call.operator === 'TreeEnsembleClassifier' ? labels > 1 : call.operator === 'LinearClassifier' && labels > 2
  const scores = isOneScoreEach ? literal(labels) : call.symbols.unknownSize()
  return [tensor([countRows(data)], data), tensor([countRows(data), scores], data)]
}

function regressor(call: OperatorCall, targets: string | undefined): State {
  const data = table(call)
  const width = targets === undefined ? one : literal(call.int(targets, 1))
  return tensor([countRows(data), width], data)
}

function featureVectorizer(call: OperatorCall): State {
  const parts = call.inputs.map((_, index) => table(call, index))
  const [first] = parts
  if (!first) throw new NotProven('has no input')
  for (const part of parts) if (part !== first) expectSameRows(first, part)
  const width = parts
    .map(part => knownShape(part)[1] ?? one)
    .reduce<Size | undefined>((sum, size) => sum && add(sum, size), literal(0))
  return tensor([countRows(first), width ?? call.symbols.unknownSize()], ...parts)
}

function oneHotEncoder(call: OperatorCall): State {
  const data = call.tensor(0)
  const categories = call.texts('cats_strings').length || (call.ints('cats_int64s') ?? []).length
  return tensor([...knownShape(data), literal(categories)], data)
}

/** The operator picks along the last axis. */
function arrayFeatureExtractor(call: OperatorCall): State {
  const [data, indices] = [call.tensor(0), call.tensor(1)]
  if (data.kind === 'rows' && indices.kind === 'rows')
    throw new NotProven('uses values of the rows as indexes into the rows')
  const shape = knownShape(data)
  if (data.kind === 'rows') keepOffRows(data, shape.length - 1, 'picks')
  const outer: Shape = shape.length > 1 ? shape.slice(0, -1) : [one]
  if (indices.kind === 'rows' && indices.axis > 0) throw new NotProven('takes the axis of the rows as a list of picks')
  return tensor([...outer, multiply(...knownShape(indices))], data, indices)
}

/** Runtimes give a list of maps here, one a row: see `Maps`. */
function zipMap(call: OperatorCall): State {
  const scores = table(call)
  if (scores.kind === 'constant') return constant()
  const isRowEach = literalValue(scores.pre) === 1 && sameAsRowCount(scores.shape[0] as Size)
  if (!isRowEach) throw new NotProven('makes a number of maps that differs from the number of rows')
  return { kind: 'maps' }
}

function sameAsRowCount(size: Size): boolean {
  return involvesRows(size) && size.factor === 1 && size.symbols.length === 1
}
