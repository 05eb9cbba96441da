/** Deployments of a service: each is the service with another model, script or accelerator. */
import type { ServiceDefinition } from './definition.ts'

/** The largest weight first decides which deployment documents describe. */
export function primaryDeployment({ deployments = {} }: ServiceDefinition): string | undefined {
  const [first, ...others] = Object.entries(deployments)
  return others.reduce((most, each) => (each[1].weight > (most?.[1].weight ?? 0) ? each : most), first)?.[0]
}

/**
 * Writes a deployment as a service of its own, which has no deployments.
 *
 * @param name  one of `definition.deployments`
 */
export function definitionOfDeployment(definition: ServiceDefinition, name: string): ServiceDefinition {
  const { deployments, traffic: _, ...base } = definition
  const own = deployments?.[name]
  if (!own) return definition
  const { version, weight: _weight, mirror: _mirror, ...overrides } = own
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined))
  const replaced = {
    ...(version !== undefined && { models: undefined }),
    ...(own.stages && { entryScript: undefined }),
    ...(own.entryScript !== undefined && { stages: undefined }),
  }
  return { ...base, traffic: {}, deployments: undefined, ...replaced, ...given }
}

/** @returns what is wrong with the deployments; undefined: nothing */
export function checkDeployments(definition: ServiceDefinition): string | undefined {
  const { deployments, encrypted, traffic } = definition
  if (!deployments) {
    return traffic.stickyHeader === undefined
      ? undefined
      : 'traffic: a service without "deployments" has no traffic to split'
  }
  if (encrypted !== false) return 'encrypted: a service with deployments cannot score encrypted features'
  const entries = Object.entries(deployments)
  const total = entries.reduce((sum, [, { weight }]) => sum + weight, 0)
  if (total !== 100 && total !== 0) {
    const list = entries.map(([name, { weight }]) => `${name} ${weight}`).join(' + ')
    return `deployments: the weights must add to 100 (or all be 0), found ${list} = ${total}`
  }
  for (const [name, { version, models, entryScript, stages }] of entries) {
    if (version !== undefined && models) return `deployments.${name}: has either a version or models`
    if (entryScript !== undefined && stages) return `deployments.${name}: has either stages or an entryScript`
  }
  return undefined
}
