import { InputShapeMismatch, ScoringError } from '../errors.ts'
import { type Feeds, type ModelSession, outputsOfGraph, type TensorInfo } from '../models/session/model-session.ts'
import { hasRowAxis } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { TensorList } from '../tensor/tensor-list.ts'
import { decodeFeeds, type RowSettings } from './feeds.ts'
import { describeUnequalRows } from './row-feeds.ts'
import { modelSharing } from './row-sharing.ts'
import type { RowScript } from './script.ts'

/**
 * Creates the script of a service that has none: tensors in, tensors out, with names, types and shapes from the graph. A
 * model with one output answers with its rows, a model with several with an object of them.
 */
export function builtInScript(model: ModelSession, settings?: RowSettings): RowScript {
  const { inputs, optionalInputs = [], outputs } = model
  const sharing = modelSharing(model)
  const hasRows = (tensors: readonly TensorInfo[]) => tensors.every(tensor => hasRowAxis(tensor.shape))
  return {
    kind: 'rows',
    takesHeaders: false,
    inputs,
    optionalInputs,
    hasRowAxis: hasRows(inputs) && (sharing.kind === 'shared' || hasRows(outputs)),
    sharing,
    decode: (parameters, source) => decodeFeeds(parameters, inputs, { ...settings, optionalInputs }, source),
    run: async feeds => modelAnswer(outputs, await explainUnequalRows(model, feeds, () => model.run(feeds))),
  }
}

/**
 * Explains a failed run of inputs with different numbers of rows. A model may take such inputs, since its graph need not name
 * a common dimension, but they are the likely reason if the run fails.
 *
 * @param run  runs the model on a caller's inputs
 * @throws ScoringError INPUT_SHAPE_MISMATCH naming two inputs and their rows; else whatever `run` throws
 */
export async function explainUnequalRows<Result>(
  model: ModelSession,
  feeds: Feeds,
  run: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await run()
  } catch (cause) {
    const unequal = isRuntimeFailure(cause) && describeUnequalRows(feeds, openInputs(model))
    if (!unequal) throw cause
    const message = `the model could not score inputs with different numbers of rows: ${unequal}; send the same number in each`
    throw new ScoringError('INPUT_SHAPE_MISMATCH', message, { cause })
  }
}

/** Whether the runtime failed for a reason other than the declared shape of an input. */
function isRuntimeFailure(failure: unknown): boolean {
  return (
    failure instanceof ScoringError &&
    (failure.code === 'MODEL_RUN_FAILED' || failure.code === 'INPUT_SHAPE_MISMATCH') &&
    !(failure instanceof InputShapeMismatch)
  )
}

function openInputs({ inputs }: ModelSession): ModelSession['inputs'] {
  return inputs.filter(({ shape }) => hasRowAxis(shape))
}

/**
 * Returns a model's outputs as an answer: the only output itself, several as an object, and the entries of a list as a list.
 *
 * @param result  the outputs of the run by name, or the only one
 */
export function modelAnswer(
  outputs: readonly TensorInfo[],
  result: Tensor | Readonly<Record<string, Tensor>>,
): unknown {
  if (result instanceof Tensor) return result
  const [only] = outputs
  if (outputs.length === 1 && only && only.list === undefined) return result[only.name]
  const answers = new Map<string, unknown>()
  for (const [name, members] of outputsOfGraph(outputs)) {
    const tensors = members.map(member => result[member.name] as Tensor)
    answers.set(name, members[0]?.list === undefined ? tensors[0] : new TensorList(tensors))
  }
  return answers.size === 1 ? answers.values().next().value : Object.fromEntries(answers)
}
