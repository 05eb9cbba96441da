/** Values that a model is made for, as its graph tells: categories of its encoders, and means of its scalers and imputers. */
import type { OnnxModel, OnnxNode } from './onnx-model.ts'

/** What is known of one column of an input. */
export interface TypicalValues {
  texts: readonly string[]
  mean: number | undefined
  /** A usual distance from the mean. */
  deviation: number | undefined
}

/** Columns by the name of the input, then by their index. */
export type Typical = ReadonlyMap<string, readonly TypicalValues[]>

/**
 * Follows the columns of the inputs through the operators that converters put before a model (ai.onnx.ml).
 */
export function readTypicalValues({ graph }: OnnxModel): Typical {
  const inputs = new Map<string, TypicalValues[]>()
  const columns = new Map<string, readonly TypicalValues[]>()
  for (const { name, type } of graph.inputs) {
    const shape = type?.kind === 'tensor' ? type.shape : undefined
    const width = shape?.length === 2 ? shape[1] : undefined
    if (typeof width !== 'number' || width < 1 || width > mostColumns) continue
    const own = Array.from(
      { length: width },
      (): TypicalValues => ({ texts: [], mean: undefined, deviation: undefined }),
    )
    inputs.set(name, own)
    columns.set(name, own)
  }
  for (const node of graph.nodes) {
    const given = node.inputs.map(name => columns.get(name))
    const [output = ''] = node.outputs
    const [first] = given
    if (!first) continue
    if (node.operator === 'Concat') {
      if (given.every(each => each !== undefined)) columns.set(output, given.flat())
      continue
    }
    const isPassed = passing[node.operator]?.(node, first)
    if (isPassed) columns.set(output, first)
  }
  return inputs
}

const mostColumns = 1000

/** Learns from an operator. @returns whether its output has the same columns */
type Reading = (node: OnnxNode, columns: readonly TypicalValues[]) => boolean

const passing: Readonly<Record<string, Reading>> = {
  Cast: () => true,
  Identity: () => true,
  Imputer: ({ attributes }, columns) => {
    const values = attributes.get('imputed_value_floats')?.floats ?? []
    for (const [index, column] of columns.entries()) column.mean ??= values[values.length === 1 ? 0 : index]
    return true
  },
  Scaler: ({ attributes }, columns) => {
    const offsets = attributes.get('offset')?.floats ?? []
    const scales = attributes.get('scale')?.floats ?? []
    for (const [index, column] of columns.entries()) {
      column.mean = offsets[offsets.length === 1 ? 0 : index]
      const scale = scales[scales.length === 1 ? 0 : index]
      column.deviation = scale ? 1 / scale : undefined
    }
    return false
  },
  OneHotEncoder: learnTexts('cats_strings'),
  LabelEncoder: learnTexts('keys_strings'),
}

function learnTexts(attribute: string): Reading {
  return ({ attributes }, columns) => {
    const texts = attributes.get(attribute)?.strings ?? []
    for (const column of columns) column.texts = texts
    return false
  }
}
