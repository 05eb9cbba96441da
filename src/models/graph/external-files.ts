import { innerGraphs } from './live-nodes.ts'
import type { OnnxGraph, OnnxModel, OnnxNode } from './onnx-model.ts'
import type { OnnxTensor } from './onnx-tensor.ts'

/**
 * Lists the files beside a model that hold contents of its tensors.
 *
 * @returns paths as the model has them, relative to its folder, sorted; undefined when sparse tensors or lists of tensors may
 *   name more
 */
export function externalFiles({ graph, functions }: OnnxModel): string[] | undefined {
  const tensors = [...graphTensors(graph), ...functions.flatMap(({ nodes }) => nodes.flatMap(nodeTensors))]
  if (tensors.includes('unread')) return undefined
  return [...new Set(tensors.flatMap(tensor => (tensor as OnnxTensor).external?.location ?? []))].sort()
}

type Found = OnnxTensor | 'unread'

function graphTensors({ initializers, sparseInitializers, nodes }: OnnxGraph): Found[] {
  return [...initializers, ...sparseInitializers.map(() => 'unread' as const), ...nodes.flatMap(nodeTensors)]
}

function nodeTensors(node: OnnxNode): Found[] {
  const own = [...node.attributes.values()].flatMap(({ hasOtherTensors, tensor }) =>
    hasOtherTensors ? ('unread' as const) : (tensor ?? []),
  )
  return [...own, ...innerGraphs(node).flatMap(graphTensors)]
}
