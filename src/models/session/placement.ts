/** The providers that ran the nodes of a model's graph, measured in its first run. */
export interface Placement {
  readonly model: string
  /** Nodes by the provider that ran them, most first, e.g. `{ webgpu: 3, cpu: 1 }`. */
  readonly nodes: Readonly<Record<string, number>>
  /** Types of the nodes that ran on the CPU, e.g. `['Gather']`. */
  readonly typesOnCpu: readonly string[]
}

/** @returns the providers that ran the model: `webgpu`, or `webgpu, cpu` where some nodes ran on the CPU */
export function listProviders({ nodes }: Placement): string {
  return Object.keys(nodes).join(', ')
}

/** @returns text for people, such as `1 of 4 nodes (Gather)` */
export function describeOnCpu({ nodes, typesOnCpu }: Placement): string {
  const total = Object.values(nodes).reduce((sum, count) => sum + count, 0)
  return `${nodes.cpu ?? 0} of ${total} nodes (${typesOnCpu.join(', ')})`
}

/** @returns text for people, such as `webgpu (10 nodes)` or `webgpu (3 nodes), cpu (1 node: Gather)` */
export function describePlacement({ nodes, typesOnCpu }: Placement): string {
  return Object.entries(nodes)
    .map(([provider, count]) => {
      const types = provider === 'cpu' ? `: ${typesOnCpu.join(', ')}` : ''
      return `${provider} (${count} node${count === 1 ? '' : 's'}${types})`
    })
    .join(', ')
}
