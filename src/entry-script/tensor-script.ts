import type { ModelSession } from '../engine/model-session.ts'
import { hasRowAxis } from '../tensor/shape.ts'
import { decodeFeeds, type RowSettings } from './feeds.ts'
import { modelAnswer } from './model-answer.ts'
import type { RowScript } from './script.ts'

/**
 * The built-in script of a service without one: tensors in, tensors out, with names, types and shapes from the graph.
 * A model with one output answers with its rows, one with several with an object of them.
 */
export function builtInScript(model: ModelSession, settings?: RowSettings): RowScript {
  const { inputs, optionalInputs = [], outputs } = model
  return {
    kind: 'rows',
    takesHeaders: false,
    inputs,
    optionalInputs,
    hasRowAxis: [...inputs, ...outputs].every(tensor => hasRowAxis(tensor.shape)),
    decode: (parameters, source) => decodeFeeds(parameters, inputs, { ...settings, optionalInputs }, source),
    run: async feeds => modelAnswer(outputs, await model.run(feeds)),
  }
}
