import type { OnnxModel, OnnxNode } from './onnx-model.ts'
import { dtypeOfElementType, tensorData } from './onnx-tensor.ts'

/** Operators that leave the texts of their first input as they are. */
const reshaping = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])
/** The attribute with the texts that an encoder knows. */
const categories: Readonly<Record<string, string>> = {
  OneHotEncoder: 'cats_strings',
  LabelEncoder: 'keys_strings',
  CategoryMapper: 'cats_strings',
}

/**
 * Finds a text for each input that the model knows, so that an example can be scored: the first category of an encoder that
 * takes the input. Words of vectorizers are left out, because they are pieces of the texts that a model was trained with.
 * What this does not follow only costs the example: inputs of several columns, and operators that change texts.
 */
export function findKnownTexts({ graph }: OnnxModel): ReadonlyMap<string, string> {
  const texts = graph.inputs.filter(
    ({ type }) => type?.kind === 'tensor' && dtypeOfElementType.get(type.elementType) === 'string',
  )
  if (texts.length === 0) return new Map()
  /** The inputs that are the columns of a value, in order; '' for another value. */
  const columns = new Map(texts.map(({ name }) => [name, [name]]))
  const constants = new Map(graph.initializers.map(tensor => [tensor.name, tensor]))
  const pick = (from: readonly string[], index: string): string[] => {
    const constant = from.length > 0 ? constants.get(index) : undefined
    const positions = constant && Array.from(tensorData(constant) ?? [], Number)
    return positions?.map(position => from[position] ?? '') ?? []
  }
  const follow = ({ operator, inputs: [first = '', second = '', ...rest] }: OnnxNode): string[] => {
    const from = columns.get(first) ?? []
    if (reshaping.has(operator)) return from
    if (operator === 'Gather' || operator === 'ArrayFeatureExtractor') return pick(from, second)
    return operator === 'Concat' ? [first, second, ...rest].flatMap(each => columns.get(each) ?? ['']) : []
  }
  const known = new Map<string, string>()
  for (const node of graph.nodes) {
    columns.set(node.outputs[0] ?? '', follow(node))
    const [column = '', ...others] = columns.get(node.inputs[0] ?? '') ?? []
    const text = node.attributes.get(categories[node.operator] ?? '')?.strings.find(each => each !== '')
    if (column !== '' && others.length === 0 && text !== undefined && !known.has(column)) known.set(column, text)
  }
  return known
}
