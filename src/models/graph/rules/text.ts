import { NotProven } from '../not-proven.ts'
import { knownShape, type OperatorCall, type Rule } from '../operator-call.ts'
import { type Rows, type State, type TensorState, tensor } from '../row-state.ts'
import { literal, one } from '../symbolic-size.ts'

export const textRules: Readonly<Record<string, Rule>> = {
  StringNormalizer: stringNormalizer,
  StringSplit: call => {
    const data = call.tensor(0)
    const words = tensor([...knownShape(data), call.symbols.unknownSize()], data)
    return [padded(words, ''), tensor(knownShape(data), data)]
  },
  TfIdfVectorizer: tfIdfVectorizer,
}

export const contribTextRules: Readonly<Record<string, Rule>> = {
  Tokenizer: call => {
    const data = call.tensor(0)
    if (call.int('mark', 0) !== 0) throw new NotProven('marks where the longest row ends')
    return padded(tensor([...knownShape(data), call.symbols.unknownSize()], data), call.text('pad_value', ''))
  },
}

function padded(words: TensorState, padding: string): State {
  return words.kind === 'rows' ? { ...words, padding } : words
}

function stringNormalizer(call: OperatorCall): State {
  const data = call.tensor(0)
  if (call.texts('stopwords').length > 0) throw new NotProven('leaves out the rows that are stop words')
  if (knownShape(data).length !== 1)
    throw new NotProven('reads the axis of the rows as another axis: its input must be a list of texts')
  return data
}

/** Counts words, and groups of neighbours, in each row of `[rows, words]`. A vector is one row. */
function tfIdfVectorizer(call: OperatorCall): State {
  const words = call.state(0)
  const data: TensorState = words.kind === 'rows' ? unpadded(words, call.texts('pool_strings')) : call.tensor(0)
  const shape = knownShape(data)
  if (data.kind === 'rows' && (shape.length !== 2 || data.axis !== 0))
    throw new NotProven('reads a vector as one row (its input must have two axes)')
  const width = Math.max(-1, ...(call.ints('ngram_indexes') ?? [])) + 1
  return tensor([...(shape.length === 2 ? [shape[0] ?? one] : []), literal(width)], data)
}

/** Words that only pad a shorter row do not count, unless the vocabulary has them. */
function unpadded(words: Rows, vocabulary: readonly string[]): Rows {
  if (words.padding !== undefined && vocabulary.includes(words.padding))
    throw new NotProven('counts the words that fill up shorter rows')
  return { ...words, padding: undefined }
}
