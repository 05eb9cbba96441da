import type { OnnxModel } from './onnx-model.ts'

/** Operators whose output has the texts of their first input, with the attribute for texts that they know; '' where there is none. */
const operators: Readonly<Record<string, string>> = {
  Identity: '',
  Reshape: '',
  Flatten: '',
  Squeeze: '',
  Unsqueeze: '',
  OneHotEncoder: 'cats_strings',
  LabelEncoder: 'keys_strings',
  CategoryMapper: 'cats_strings',
}

/**
 * Finds a text for each input that the model knows, so that an example can be scored: the first category of an encoder that
 * takes the input. Words of vectorizers are left out, because they are pieces of the texts that a model was trained with.
 */
export function findKnownTexts({ graph }: OnnxModel): ReadonlyMap<string, string> {
  const inputs = new Map(graph.inputs.map(({ name }) => [name, name]))
  const known = new Map<string, string>()
  for (const {
    operator,
    inputs: [first = ''],
    outputs: [output = ''],
    attributes,
  } of graph.nodes) {
    const input = inputs.get(first)
    const attribute = operators[operator]
    if (input === undefined || attribute === undefined) continue
    if (attribute === '') inputs.set(output, input)
    const text = attributes.get(attribute)?.strings.find(each => each !== '')
    if (text !== undefined && !known.has(input)) known.set(input, text)
  }
  return known
}
