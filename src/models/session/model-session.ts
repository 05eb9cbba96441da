import type { Dtype } from '../../tensor/dtype.ts'
import type { DeclaredShape } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** An input or output as the graph declares it; a named dimension may have any size. */
export interface TensorInfo {
  readonly name: string
  readonly dtype: Dtype
  /** Undefined for any number of dimensions. */
  readonly shape: DeclaredShape | undefined
  /** The names of the entries on the last axis, where the graph gives probabilities by class. */
  readonly classes?: readonly string[]
  /** The output of the graph, a list of tensors, that this one is an entry of. */
  readonly list?: string
}

export type Feeds = Readonly<Record<string, Tensor>>

/** Whether each row of a model's answers depends on the same row of its inputs and on nothing else, read from the graph. */
export type RowProof =
  | {
      readonly kind: 'independent'
      /** Inputs whose first axis is that of the rows; others have a default in the graph. */
      readonly inputs: readonly string[]
      /** Axis of the rows of each output; 0 but for e.g. the state of an LSTM, `[1, rows, size]`. */
      readonly rowAxes: ReadonlyMap<string, number>
    }
  /** @see reason  names the node, and says what it does, e.g. `node "Softmax_3" (Softmax) normalises over the axis of the rows` */
  | { readonly kind: 'dependent'; readonly reason: string }

/** A model that is loaded and can run. Port: `adapters/onnxruntime/` implements it. */
export interface ModelSession {
  readonly name: string
  readonly inputs: readonly TensorInfo[]
  /** Inputs with a default value in the graph; absent: there are none. */
  readonly optionalInputs?: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
  /** The provider that runs it, e.g. `cpu`. */
  readonly executionProvider: string
  /** Whether rows of several requests may be in one run. */
  readonly rowProof: RowProof
  /** A text for an input that the model knows, by input; absent: there are none. */
  readonly knownTexts?: ReadonlyMap<string, string>
  /**
   * Runs the graph once.
   *
   * @param feeds  one tensor per input, and for any of the optional ones
   * @returns one tensor per output
   * @throws ScoringError INPUT_… when a tensor does not fit its input, MODEL_RUN_FAILED when the runtime gives up
   */
  run(feeds: Feeds): Promise<Record<string, Tensor>>
}

/** The outputs by their names in the graph: a tensor each, or the entries of a list. */
export function outputsOfGraph(outputs: readonly TensorInfo[]): Map<string, readonly TensorInfo[]> {
  return Map.groupBy(outputs, ({ name, list }) => list ?? name)
}

/** Members of a model's answer that are lists of tensors, each with all rows; '': the answer itself is one. */
export function listNames(outputs: readonly TensorInfo[]): string[] {
  const members = [...outputsOfGraph(outputs)]
  const lists = members.filter(([, [first]]) => first?.list !== undefined).map(([name]) => name)
  return members.length === 1 && lists.length === 1 ? [''] : lists
}
