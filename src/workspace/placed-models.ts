/** Puts models into the folder of a service, from which it is served. */
import type { Model } from '../client/model.ts'
import { WorkspaceError } from '../client/workspace-error.ts'
import type { ModelRegistry } from '../models/repository/model-registry.ts'
import type { RegisteredModel } from '../models/repository/registered-models.ts'

/** Property of a version that was made for a service: the models that it holds, e.g. `sklearn-iris:2`. */
const copiesProperty = 'copies'

/** The member `models` of a `service.json`. */
export type ServiceModels = Readonly<Record<string, { readonly path: string; readonly sha256?: string }>>

export interface Registries {
  /** Of the repository with the service. */
  readonly registry: ModelRegistry
  /** Of the repository with the models; mostly the same. */
  readonly source: ModelRegistry
}

/** Whether a version was made for a service, and is no model of a user. */
export const isCopy = ({ properties }: Pick<RegisteredModel, 'properties'>): boolean =>
  properties[copiesProperty] !== undefined

/**
 * Makes models part of a service. A service serves what is in its own folder, so that what it serves does not change, and stays
 * when a model is deleted: a model of its own name is there already, others are copied, as a version that holds all of them.
 *
 * @throws WorkspaceError when a model has no ONNX file
 */
export async function placeModels(
  { registry, source }: Registries,
  service: string,
  models: readonly Model[],
): Promise<ServiceModels> {
  const [first] = models
  if (!first) return {}
  if (models.length === 1 && first.name === service && source === registry)
    return findGraphs(first.record, `${first.version}/`, first.name)
  const findAll = (folder: string) =>
    uniteNames(
      models.flatMap(model => Object.entries(findGraphs(model.record, folder + modelFolder(model), model.name))),
    )
  findAll('') // says what is wrong before anything is written
  const copies = models.map(({ id }) => id).join(',')
  const known = (await registry.list({ name: service, properties: { [copiesProperty]: copies } })).at(-1)
  const version = known?.version ?? (await copyModels({ registry, source }, service, models, copies))
  return findAll(`${version}/`)
}

/** @throws WorkspaceError when a script could not tell two models apart */
function uniteNames(graphs: readonly (readonly [name: string, graph: ServiceModels[string]])[]): ServiceModels {
  const named = new Map<string, ServiceModels[string]>()
  for (const [name, graph] of graphs) {
    const other = named.get(name)
    if (other)
      throw new WorkspaceError(
        `models: ${other.path} and ${graph.path} are both called "${name}" in the service; give the models or files other names`,
      )
    named.set(name, graph)
  }
  return Object.fromEntries(named)
}

/** As Azure ML lays out several models: `<name>/<version>/`. */
const modelFolder = ({ name, version }: Model): string => `${name}/${version}/`

async function copyModels(
  { registry, source }: Registries,
  service: string,
  models: readonly Model[],
  copies: string,
): Promise<number> {
  const files = models.flatMap(model =>
    model.record.files.map(({ path, sha256 }) => ({
      place: modelFolder(model) + path,
      sha256,
      read: () => source.read(model.record, path),
    })),
  )
  const digests = files.flatMap(({ place, sha256 }) => (sha256 === undefined ? [] : [[place, sha256]]))
  const { version } = await registry.register(service, {
    files: Object.fromEntries(files.map(({ place, read }) => [place, read])),
    sha256: Object.fromEntries(digests),
    description: `models of the service ${service}`,
    properties: { [copiesProperty]: copies },
  })
  return version
}

function findGraphs({ name, version, files }: Model['record'], folder: string, alias: string): ServiceModels {
  const graphs = files.filter(({ path }) => /\.onnx$/i.test(path))
  const [only] = graphs
  if (!only) {
    const has = files.map(({ path }) => path).slice(0, 3)
    throw new WorkspaceError(
      `${name}:${version} has no .onnx file, only ${has.join(', ')}; guide/models.md shows how to export one`,
    )
  }
  const entry = ({ path, sha256 }: (typeof files)[number]) => ({ path: folder + path, ...(sha256 && { sha256 }) })
  if (graphs.length === 1) return { [alias]: entry(only) }
  return uniteNames(graphs.map(graph => [graph.path.replace(/^.*\/|\.onnx$/gi, ''), entry(graph)]))
}
