import type { OnnxGraph, OnnxNode } from './onnx-model.ts'

export interface LiveNodes {
  /** Nodes on which an output depends, in the file's order. */
  readonly nodes: readonly OnnxNode[]
  /** Names that these nodes or the graph's outputs read. */
  readonly read: ReadonlySet<string>
}

/** Finds the nodes on which an output depends. Runtimes drop all others, so they do not affect the proof. */
export function liveNodes(nodes: readonly OnnxNode[], outputs: readonly string[]): LiveNodes {
  const read = new Set(outputs)
  const live: OnnxNode[] = []
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some(name => read.has(name))) continue
    live.push(node)
    for (const name of node.inputs) read.add(name)
    for (const graph of innerGraphs(node)) for (const name of namesReadBy(graph)) read.add(name)
  }
  return { nodes: live.reverse(), read }
}

/** Returns the names that a graph, or a graph inside it, reads from outside. */
export function namesReadBy(graph: OnnxGraph): readonly string[] {
  const names = new Set(graph.outputs.map(output => output.name))
  for (const node of graph.nodes) {
    for (const name of node.inputs) names.add(name)
    for (const inner of innerGraphs(node)) for (const name of namesReadBy(inner)) names.add(name)
  }
  for (const { name } of [...graph.inputs, ...graph.initializers, ...graph.sparseInitializers]) names.delete(name)
  for (const node of graph.nodes) for (const name of node.outputs) names.delete(name)
  return [...names]
}

export function innerGraphs(node: OnnxNode): readonly OnnxGraph[] {
  return [...node.attributes.values()].flatMap(({ graph, graphs }) => (graph ? [graph, ...graphs] : graphs))
}
