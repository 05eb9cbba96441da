/**
 * BatchNormalization in training mode updates running statistics, and ONNX Runtime (1.30) writes them over the initial
 * ones when another node reads these too: the statistics of one request become a scale or a bias for all later ones. Its
 * optimizer merges equal constants (ConstantSharing), so this also happens to graphs that share nothing.
 */
import { innerGraphs } from './live-nodes.ts'
import type { OnnxModel, OnnxNode } from './onnx-model.ts'

/** Whether a node updates statistics. If so, the graph has to run as it was written, not optimized. */
export function updatesStatistics(model: OnnxModel): boolean {
  return allNodes(model).some(isTraining)
}

/** @returns a node that would write over what is read elsewhere too, even in the graph as it was written */
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
  // A function may take the mode from its call.
  return (
    operator === 'BatchNormalization' &&
    domain === '' &&
    mode !== undefined &&
    (mode.int !== 0n || mode.reference !== '')
  )
}
