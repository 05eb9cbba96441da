/** Changes the deployments in a `service.json`: which there are, and who answers how many requests. */
import type { NewDeployment, Traffic } from '../client/service-record.ts'
import { WorkspaceError } from '../client/workspace-error.ts'
import type { ServiceModels } from './placed-models.ts'
import type { Definition } from './service-definition.ts'

type Deployments = Readonly<Record<string, Readonly<Record<string, unknown>>>>

interface Placed extends NewDeployment {
  readonly placed: ServiceModels
  /** The newest version of the service's own models, which it serves where it names none. */
  readonly newest: number | undefined
}

/** Adds or replaces a deployment. A service that had none goes on with what it served, as a deployment with all requests. */
export function addDeployment(definition: Definition, name: string, given: Placed): Definition {
  const { placed, mirror, current = 'blue', newest } = given
  const known = readDeployments(definition)
  const first = definition.models === undefined ? { version: newest } : { models: definition.models }
  const before: Deployments = known ?? { [current]: { weight: 100, ...first } }
  if (!known && name === current)
    throw new WorkspaceError(`"${name}" is what the deployment is called that there is; choose another name`)
  const deployment = { weight: 0, ...before[name], models: placed, ...(mirror !== undefined && { mirror }) }
  return { ...definition, deployments: { ...before, [name]: without(deployment, 'version') } }
}

/** @throws WorkspaceError when there is no such deployment, or it gets requests */
export function removeDeployment(definition: Definition, name: string): Definition {
  const { [name]: removed, ...others } = requireDeployments(definition, [name])
  if (removed?.weight !== 0)
    throw new WorkspaceError(
      `${name} answers ${removed?.weight} percent of the requests; give them to another one first`,
    )
  return { ...definition, deployments: others }
}

/** @throws WorkspaceError when there is no such deployment */
export function changeTraffic(definition: Definition, { weights, mirror = {}, stickyHeader }: Traffic): Definition {
  const before = requireDeployments(definition, Object.keys({ ...weights, ...mirror }))
  const deployments = Object.fromEntries(
    Object.entries(before).map(([name, deployment]) => [
      name,
      {
        ...deployment,
        ...(weights && { weight: weights[name] ?? 0 }),
        ...(mirror[name] !== undefined && { mirror: mirror[name] }),
      },
    ]),
  )
  const changed = { ...definition, deployments }
  if (stickyHeader === null) return without(changed, 'traffic')
  return stickyHeader === undefined ? changed : { ...changed, traffic: { stickyHeader } }
}

function readDeployments({ deployments }: Definition): Deployments | undefined {
  return deployments as Deployments | undefined
}

function requireDeployments(definition: Definition, names: readonly string[]): Deployments {
  const known = readDeployments(definition)
  if (!known) throw new WorkspaceError('the service has one deployment only; add another one with createDeployment')
  const unknown = names.find(name => !Object.hasOwn(known, name))
  if (unknown === undefined) return known
  throw new WorkspaceError(`there is no deployment "${unknown}"; there are: ${Object.keys(known).join(', ')}`)
}

function without(definition: Definition, key: string): Definition {
  return Object.fromEntries(Object.entries(definition).filter(([name]) => name !== key))
}
