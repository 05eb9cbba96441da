/**
 * Finds BatchNormalization in training mode, which updates running statistics. ONNX Runtime (1.30) overwrites the initial
 * statistics if something else reads them too, so that one request changes a scale or bias for all later ones. Its optimizer
 * merges equal constants (ConstantSharing), so this also happens in graphs that share none.
 */
import { innerGraphs } from './live-nodes.ts'
import type { OnnxModel, OnnxNode } from './onnx-model.ts'

/** Whether a node updates statistics, so that the graph must run without optimization. */
export function updatesStatistics(model: OnnxModel): boolean {
  return allNodes(model).some(isTraining)
}

/** @returns a node that would overwrite statistics which are read elsewhere too, even without optimization */
export function overwritesShared(model: OnnxModel): OnnxNode | undefined {
  const nodes = allNodes(model)
  const training = nodes.filter(isTraining)
  if (training.length === 0) return undefined
  const uses = new Map<string, number>()
  for (const name of nodes.flatMap(({ inputs }) => inputs)) uses.set(name, (uses.get(name) ?? 0) + 1)
  for (const { name } of model.graph.outputs) uses.set(name, (uses.get(name) ?? 0) + 1)
  const constants = new Set(model.graph.initializers.map(({ name }) => name))
  return training.find(({ inputs }) =>
    inputs.slice(3, 5).some(name => constants.has(name) && (uses.get(name) ?? 0) > 1),
  )
}

function allNodes({ graph, functions }: OnnxModel): OnnxNode[] {
  const within = (node: OnnxNode): OnnxNode[] => [
    node,
    ...innerGraphs(node).flatMap(({ nodes }) => nodes.flatMap(within)),
  ]
  return [graph, ...functions].flatMap(({ nodes }) => nodes.flatMap(within))
}

function isTraining({ operator, domain, attributes }: OnnxNode): boolean {
  const mode = attributes.get('training_mode')
  // A function may get the mode from its call.
  return (
    operator === 'BatchNormalization' &&
    domain === '' &&
    mode !== undefined &&
    (mode.int !== 0n || mode.reference !== '')
  )
}
