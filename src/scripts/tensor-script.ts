import { type Feeds, type ModelSession, outputsOfGraph, type TensorInfo } from '../engine/model-session.ts'
import { InputShapeMismatch, ScoringError } from '../errors.ts'
import { hasRowAxis } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { TensorList } from '../tensor/tensor-list.ts'
import { decodeFeeds, type RowSettings } from './feeds.ts'
import { unequalRows } from './row-feeds.ts'
import { modelSharing } from './row-sharing.ts'
import type { RowScript } from './script.ts'

/**
 * The built-in script of a service without one: tensors in, tensors out, with names, types and shapes from the graph.
 * A model with one output answers with its rows, one with several with an object of them.
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
 * Inputs with unlike numbers of rows may be what the model takes, as its graph names no dimension that they have in common;
 * where it fails, they are the reason in all likelihood.
 *
 * @param run  of the model, on what a caller sent
 * @throws ScoringError INPUT_SHAPE_MISMATCH naming two inputs and their rows; what `run` throws
 */
export async function explainUnequalRows<Result>(
  model: ModelSession,
  feeds: Feeds,
  run: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await run()
  } catch (cause) {
    const unequal = isRuntimes(cause) && unequalRows(feeds, openInputs(model))
    if (!unequal) throw cause
    const message = `the model could not score inputs with unlike numbers of rows: ${unequal}; give each the same number`
    throw new ScoringError('INPUT_SHAPE_MISMATCH', message, { cause })
  }
}

/** The runtime gave up, and has more to say of it than which shape an input should have. */
function isRuntimes(failure: unknown): boolean {
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
 * What a model answers whose outputs no script looks at: the only output itself, several as an object of them, and the
 * entries of a list together again.
 *
 * @param result  what the run gave: a tensor by the name of each output, or the only one
 */
export function modelAnswer(
  outputs: readonly TensorInfo[],
  result: Tensor | Readonly<Record<string, Tensor>>,
): unknown {
  if (result instanceof Tensor) return result
  const answers = new Map<string, unknown>()
  for (const [name, members] of outputsOfGraph(outputs)) {
    const tensors = members.map(member => result[member.name] as Tensor)
    answers.set(name, members[0]?.list === undefined ? tensors[0] : new TensorList(tensors))
  }
  return answers.size === 1 ? answers.values().next().value : Object.fromEntries(answers)
}
