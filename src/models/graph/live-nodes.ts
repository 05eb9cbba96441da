import type { OnnxGraph, OnnxNode } from './onnx-model.ts'

interface LiveNodes {
  /** The nodes that some output needs, in the file's order. */
  readonly nodes: readonly OnnxNode[]
  /** The names that those nodes, or the graph's outputs, read. */
  readonly read: ReadonlySet<string>
}

/** Leaves out nodes that no output needs: runtimes drop them, so they do not count in the proof. */
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

/** @returns the names that a graph, or one within it, reads from outside */
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
