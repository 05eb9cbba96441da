/** Values that a model is made for, as its graph tells: categories of its encoders, and means of its scalers and imputers. */
import type { OnnxModel, OnnxNode } from './onnx-model.ts'
import { dtypeOfElementType, tensorData } from './onnx-tensor.ts'

/** What is known of one column of an input. */
export interface TypicalValues {
  texts: readonly string[]
  mean: number | undefined
  /** A usual distance from the mean. */
  deviation: number | undefined
}

/** Columns by the name of the input, then by their index. */
export type Typical = ReadonlyMap<string, readonly TypicalValues[]>

/** The columns of a value that a node reads; undefined: one that does not come from an input unchanged. */
type Columns = readonly (TypicalValues | undefined)[]

/**
 * Follows the columns of the inputs through the operators that converters put before a model. Words of vectorizers are left out,
 * because they are pieces of the texts that a model was trained with. What this does not follow only costs an example.
 */
export function readTypicalValues({ graph }: OnnxModel): Typical {
  const inputs = new Map<string, TypicalValues[]>()
  for (const { name, type } of graph.inputs) {
    const shape = type?.kind === 'tensor' ? type.shape : undefined
    const width = shape?.length === 2 ? shape[1] : undefined
    const length = typeof width === 'number' && width >= 1 ? width : 1
    if (length > mostColumns) continue
    inputs.set(
      name,
      Array.from({ length }, (): TypicalValues => ({ texts: [], mean: undefined, deviation: undefined })),
    )
  }
  const columns = new Map<string, Columns>(inputs)
  const constants = new Map(graph.initializers.map(tensor => [tensor.name, tensor]))
  const pick = (from: Columns, index: string): Columns => {
    const constant = constants.get(index)
    const positions = constant && Array.from(tensorData(constant) ?? [], Number)
    return positions?.map(position => from.at(position)) ?? []
  }
  for (const node of graph.nodes) {
    const [output = ''] = node.outputs
    const [first = '', second = ''] = node.inputs
    if (node.operator === 'Concat') {
      const joined = node.inputs.flatMap(name => columns.get(name) ?? [undefined])
      columns.set(output, joined)
      continue
    }
    const given = columns.get(first)
    if (!given) continue
    learning[node.operator]?.(node, given)
    if (passing.has(node.operator)) columns.set(output, given)
    if (picking.has(node.operator)) columns.set(output, pick(given, second))
  }
  return inputs
}

/**
 * Finds a text for each input that the model knows, so that an example can be scored: the first category of an encoder that
 * takes the input.
 */
export function findKnownTexts(model: OnnxModel): ReadonlyMap<string, string> {
  const typical = readTypicalValues(model)
  const known = new Map<string, string>()
  for (const { name, type } of model.graph.inputs) {
    if (type?.kind !== 'tensor' || dtypeOfElementType.get(type.elementType) !== 'string') continue
    const text = typical.get(name)?.[0]?.texts[0]
    if (text !== undefined) known.set(name, text)
  }
  return known
}

const mostColumns = 1000

/** Operators whose output has the columns of their first input. */
const passing = new Set(['Cast', 'Identity', 'Imputer', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])
/** Operators whose output has the columns of their first input that the second one names. */
const picking = new Set(['Gather', 'ArrayFeatureExtractor'])

/** Learns from an operator. */
type Reading = (node: OnnxNode, columns: Columns) => void

const learning: Readonly<Record<string, Reading>> = {
  Imputer: ({ attributes }, columns) => {
    const values = attributes.get('imputed_value_floats')?.floats ?? []
    for (const [index, column] of columns.entries()) {
      if (column) column.mean ??= values[values.length === 1 ? 0 : index]
    }
  },
  Scaler: ({ attributes }, columns) => {
    const offsets = attributes.get('offset')?.floats ?? []
    const scales = attributes.get('scale')?.floats ?? []
    for (const [index, column] of columns.entries()) {
      if (!column) continue
      column.mean = offsets[offsets.length === 1 ? 0 : index]
      const scale = scales[scales.length === 1 ? 0 : index]
      column.deviation = scale ? 1 / scale : undefined
    }
  },
  OneHotEncoder: learnTexts('cats_strings'),
  LabelEncoder: learnTexts('keys_strings'),
  CategoryMapper: learnTexts('cats_strings'),
}

/** The categories of an encoder; the first encoder of a column counts, and the empty text is none. */
function learnTexts(attribute: string): Reading {
  return ({ attributes }, columns) => {
    const texts = attributes.get(attribute)?.strings.filter(text => text !== '') ?? []
    for (const column of columns) if (column?.texts.length === 0) column.texts = texts
  }
}
