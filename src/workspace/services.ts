/** Writes, reads and removes the services of a workspace. */
import { createHash } from 'node:crypto'
import type { Model } from '../client/model.ts'
import type { NewDeployment, ServiceChange, ServiceRecord, Traffic } from '../client/service-record.ts'
import type { Deployment } from '../client/workspace.ts'
import { WorkspaceError } from '../client/workspace-error.ts'
import { ServiceLoadError } from '../errors.ts'
import { ServiceDefinition } from '../models/definition/definition.ts'
import { parseDefinition } from '../models/definition/parse-definition.ts'
import type { ModelRegistry } from '../models/repository/model-registry.ts'
import { RegistryError } from '../models/repository/registry-error.ts'
import type { RepositoryFiles } from '../models/repository/repository-files.ts'
import { ServiceRegistry } from '../models/repository/service-registry.ts'
import { findVersion } from '../models/repository/versions.ts'
import { addDeployment, changeTraffic, removeDeployment } from './deployments.ts'
import { isCopy, placeModels, type ServiceModels } from './placed-models.ts'
import { type Definition, readInferenceConfig, writeDefinition } from './service-definition.ts'
import type { WorkspaceKeys } from './workspace-keys.ts'

const maxConflicts = 5

export class Services {
  readonly #files: RepositoryFiles
  readonly #models: ModelRegistry
  readonly #services: ServiceRegistry
  readonly #keys: Pick<WorkspaceKeys, 'ensure'>
  readonly #source: ModelRegistry

  /**
   * @param models  the models of the same repository, in which copies for services are registered
   * @param source  where the models are that are deployed; default: the same
   */
  constructor(
    files: RepositoryFiles,
    models: ModelRegistry,
    keys: Pick<WorkspaceKeys, 'ensure'>,
    source: ModelRegistry = models,
  ) {
    this.#files = files
    this.#models = models
    this.#source = source
    this.#services = new ServiceRegistry(files)
    this.#keys = keys
  }

  /** @throws WorkspaceError when there is a service of that name that is not to be replaced, or the definition is wrong */
  async deploy({ name, models, inferenceConfig, configuration, overwrite }: Deployment): Promise<void> {
    const { parameters } = configuration
    if (!overwrite && (await this.#services.get(name)))
      throw new WorkspaceError(`there is a service "${name}" already: update it, or deploy with overwrite`)
    const { definition, files } = await readInferenceConfig(inferenceConfig)
    requireModels(models.length, definition)
    const placed = await this.#place(name, models)
    const written = writeDefinition(parameters, { ...definition, models: placed })
    checkDefinition(name, written)
    // The app finds the keys when it finds the service.
    if (isProtected(written)) await this.#keys.ensure(name, parameters)
    await this.#services.put(name, { definition: written, files }, overwrite ? undefined : 'absent')
  }

  /** @throws WorkspaceError when there is no such service, or the definition is wrong */
  async update(name: string, change: ServiceChange): Promise<void> {
    const parts = change.inferenceConfig && (await readInferenceConfig(change.inferenceConfig))
    const models = change.models && { models: await this.#place(name, change.models) }
    await this.#edit(
      name,
      definition => {
        if (definition.deployments !== undefined && (models || parts))
          throw new WorkspaceError(`${name} has several deployments; add one or replace one with createDeployment`)
        const before = parts ? withoutInference(definition) : definition
        return writeDefinition(change, { ...before, ...parts?.definition, ...models })
      },
      parts?.files,
    )
  }

  /** Adds or replaces a deployment, which gets no requests yet. */
  async putDeployment(name: string, deployment: string, given: NewDeployment): Promise<void> {
    const models = await this.#place(name, given.models)
    if (Object.keys(models).length === 0) throw new WorkspaceError('models: a deployment has a model')
    const newest = (await this.#newest(name))?.version
    await this.#edit(name, definition => addDeployment(definition, deployment, { ...given, placed: models, newest }))
  }

  /** @throws WorkspaceError when there is no such deployment, or it gets requests */
  async deleteDeployment(name: string, deployment: string): Promise<void> {
    await this.#edit(name, definition => removeDeployment(definition, deployment))
  }

  /** @throws WorkspaceError when there is no such deployment, or the weights do not add to 100 */
  async setTraffic(name: string, traffic: Traffic): Promise<void> {
    await this.#edit(name, definition => changeTraffic(definition, traffic))
  }

  #place(service: string, models: readonly Model[]): Promise<ServiceModels> {
    return placeModels({ registry: this.#models, source: this.#source }, service, models)
  }

  /** Changes a definition; when another caller has changed it meanwhile, that change is kept and ours added. */
  async #edit(
    name: string,
    change: (definition: Definition) => Definition,
    files: Readonly<Record<string, Uint8Array>> = {},
  ): Promise<void> {
    for (let tries = 1; ; tries++) {
      const found = await this.#services.get(name)
      if (!found) throw new WorkspaceError(`there is no service "${name}"`)
      const definition = change(found.definition)
      checkDefinition(name, definition)
      if (isProtected(definition)) await this.#keys.ensure(name, {})
      try {
        await this.#services.put(name, { definition, files }, found.etag)
        return
      } catch (failure) {
        const isLate = failure instanceof RegistryError && failure.code === 'SERVICE_CHANGED'
        if (!isLate || tries >= maxConflicts) throw failure
      }
    }
  }

  /** Removes a service and the copies of models that were made for it; models that were registered stay. */
  async delete(name: string): Promise<void> {
    if (!(await this.#services.delete(name))) throw new WorkspaceError(`there is no service "${name}"`)
    const copies = (await this.#models.list({ name })).filter(isCopy)
    for (const { version } of copies) await this.#models.delete(name, version)
  }

  async list(): Promise<ServiceRecord[]> {
    const names = await this.#services.list()
    const records = await Promise.all(names.map(name => this.read(name)))
    return records.filter(record => record !== undefined) // others were deleted meanwhile
  }

  /** @returns undefined when there is no such service; all defaults where its `service.json` is wrong, which the app tells */
  async read(name: string): Promise<ServiceRecord | undefined> {
    const found = await this.#files.readText(`${name}/service.json`)
    if (!found) return undefined
    const definition = readDefinition(name, found.text) ?? ServiceDefinition.parse({})
    const models = definition.models ? describeModels(definition.models) : await this.#describeNewest(name)
    return {
      name,
      auth: definition.auth.mode,
      description: definition.description,
      tags: definition.tags,
      properties: definition.properties,
      models,
      version: findVersion(Object.values(definition.models ?? {}).map(({ path }) => path)) ?? models[0]?.version,
      digest: createHash('sha256').update(found.text).digest('hex'),
      deployments: definition.deployments && describeDeployments(definition),
      audience: definition.auth.mode === 'token' ? [definition.auth.audience].flat()[0] : undefined,
    }
  }

  /** What a service serves that names no model; the copies for its deployments are not that. */
  async #newest(name: string): Promise<{ readonly version: number } | undefined> {
    return (await this.#models.list({ name })).findLast(model => !isCopy(model))
  }

  async #describeNewest(name: string): Promise<ServiceRecord['models']> {
    const newest = await this.#newest(name)
    return newest ? [{ name, version: String(newest.version) }] : []
  }
}

/** `3/sklearn-iris/2/model.onnx` is a copy of `sklearn-iris:2`. */
function describeModels(models: Readonly<Record<string, { readonly path: string }>>): ServiceRecord['models'] {
  return Object.entries(models).map(([alias, { path }]) => {
    const [, name = alias, version = path.match(/^(\d+)\//)?.[1]] = /^\d+\/([^/]+)\/(\d+)\//.exec(path) ?? []
    return { name, version }
  })
}

function describeDeployments({ deployments = {} }: ServiceDefinition): ServiceRecord['deployments'] {
  const describe = ([name, { weight, mirror, models, version }]: [string, NonNullable<typeof deployments>[string]]) => {
    const own = version === undefined ? [] : [{ name, version: String(version) }]
    return [name, { weight, mirror, models: models ? describeModels(models) : own }] as const
  }
  return Object.fromEntries(Object.entries(deployments).map(describe))
}

function requireModels(count: number, { entryScript, stages }: Definition): void {
  if (count === 0 && entryScript === undefined)
    throw new WorkspaceError('models: a service without entryScript has one model')
  if (count > 1 && entryScript === undefined && stages === undefined)
    throw new WorkspaceError('models: several need an entryScript, or "stages" in the definition of inferenceConfig')
}

function withoutInference({ entryScript: _script, stages: _stages, schema: _schema, ...rest }: Definition): Definition {
  return rest
}

function readDefinition(name: string, text: string): ServiceDefinition | undefined {
  try {
    return parseDefinition(`${name}/service.json`, text)
  } catch (failure) {
    if (failure instanceof ServiceLoadError) return undefined
    throw failure
  }
}

/** Says what is wrong before anything is written. */
function checkDefinition(name: string, definition: Definition): void {
  parseDefinition(`${name}/service.json`, JSON.stringify(definition))
}

function isProtected({ auth }: Definition): boolean {
  return ((auth as { mode?: string } | undefined)?.mode ?? 'key') === 'key'
}
