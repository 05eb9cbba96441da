import type { ModelSession } from '../engine/model-session.ts'
import { hasRowAxis } from '../tensor/shape.ts'
import { decodeFeeds, type RowSettings } from './feeds.ts'
import type { RowScript } from './script.ts'

/**
 * The built-in script of a service without one: tensors in, tensors out, with names, types and shapes from the graph.
 * A model with one output answers with its rows, one with several with an object of them.
 */
export function builtInScript(model: ModelSession, settings?: RowSettings): RowScript {
  const [only] = model.outputs
  const isSingleOutput = model.outputs.length === 1 && only !== undefined
  return {
    kind: 'rows',
    takesHeaders: false,
    inputs: model.inputs,
    hasRowAxis: [...model.inputs, ...model.outputs].every(tensor => hasRowAxis(tensor.shape)),
    decode: (parameters, source) => decodeFeeds(parameters, model.inputs, settings, source),
    run: async feeds => {
      const outputs = await model.run(feeds)
      return isSingleOutput ? outputs[only.name] : outputs
    },
  }
}
