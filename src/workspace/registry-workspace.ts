import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ModelChange, ModelFilters, ModelRecord, ModelRegistration } from '../client/model.ts'
import type { PackageFile, PackageRequest } from '../client/model-package.ts'
import type { NewDeployment, ServiceChange, ServiceRecord, Traffic } from '../client/service-record.ts'
import { hasTags } from '../client/tags.ts'
import type { AccessToken, Deployment, ServiceKeys, TokenCredential, WorkspaceStore } from '../client/workspace.ts'
import { WorkspaceError } from '../client/workspace-error.ts'
import { ModelRegistry } from '../models/repository/model-registry.ts'
import type { RepositoryFiles } from '../models/repository/repository-files.ts'
import { findPathFault } from '../models/repository/repository-layout.ts'
import { findModelFiles } from './model-files.ts'
import { isCopy } from './placed-models.ts'
import { Services } from './services.ts'
import type { WorkspaceKeys } from './workspace-keys.ts'

export interface WorkspaceParts {
  readonly name: string
  readonly files: RepositoryFiles
  readonly keys: WorkspaceKeys
  readonly credential: () => Promise<TokenCredential>
  readonly findUrl: (signal?: AbortSignal) => Promise<string>
  readonly requireApp: () => void
  readonly readLogs: WorkspaceStore['readLogs']
  readonly uploadInput: WorkspaceStore['uploadInput']
  /** The project on this machine whose app the workspace has; undefined: there is none. */
  readonly projectRoot: string | undefined
}

/** A workspace on top of a repository of models and services, and of the keys. */
export class RegistryWorkspace implements WorkspaceStore {
  readonly name: string
  readonly findUrl: WorkspaceStore['findUrl']
  readonly requireApp: WorkspaceStore['requireApp']
  readonly readLogs: WorkspaceStore['readLogs']
  readonly uploadInput: WorkspaceStore['uploadInput']
  readonly #models: ModelRegistry
  readonly #services: Services
  readonly #keys: WorkspaceKeys
  readonly #credential: () => Promise<TokenCredential>
  readonly #projectRoot: string | undefined

  constructor({
    name,
    files,
    keys,
    credential,
    findUrl,
    requireApp,
    readLogs,
    uploadInput,
    projectRoot,
  }: WorkspaceParts) {
    this.name = name
    this.findUrl = findUrl
    this.requireApp = requireApp
    this.readLogs = readLogs
    this.uploadInput = uploadInput
    this.#models = new ModelRegistry({ files, now: () => new Date() })
    this.#services = new Services(files, this.#models, keys)
    this.#keys = keys
    this.#credential = credential
    this.#projectRoot = projectRoot
  }

  async registerModel({ modelPath, modelName, ...labels }: ModelRegistration): Promise<ModelRecord> {
    const { tags, properties, description } = labels
    return this.#models.register(modelName, { files: await findModelFiles(modelPath), tags, properties, description })
  }

  async listModels({ name, tags, latest = false }: ModelFilters): Promise<ModelRecord[]> {
    const found = await this.#models.list({ name })
    const matching = found.filter(model => !isCopy(model) && hasTags(model.tags, tags))
    return latest ? matching.filter((model, index) => matching[index + 1]?.name !== model.name) : matching
  }

  async readModel(name: string, version: number | undefined): Promise<ModelRecord | undefined> {
    if (version !== undefined) return this.#models.get(name, version)
    return (await this.listModels({ name })).at(-1)
  }

  updateModel(name: string, version: number, change: ModelChange): Promise<ModelRecord> {
    return this.#models.update(name, version, change)
  }

  deleteModel(name: string, version: number): Promise<void> {
    return this.#models.delete(name, version)
  }

  async downloadModel(model: ModelRecord, folder: string): Promise<string> {
    const root = resolve(folder, model.name, String(model.version))
    // Those who can write to the repository write the record; it must not decide about other files of this machine.
    const outside = model.files.find(({ path }) => findPathFault(path))
    if (outside)
      throw new WorkspaceError(
        `the record of ${model.name}:${model.version} names ${JSON.stringify(outside.path)}, which ${findPathFault(outside.path)}`,
      )
    for (const { path } of model.files) {
      const place = join(root, path)
      await mkdir(dirname(place), { recursive: true })
      try {
        await pipeline(this.#models.read(model, path), createWriteStream(place))
      } catch (failure) {
        await rm(place, { force: true }) // half a model, or another one
        throw failure
      }
    }
    return root
  }

  listServices(): Promise<ServiceRecord[]> {
    return this.#services.list()
  }

  readService(name: string): Promise<ServiceRecord | undefined> {
    return this.#services.read(name)
  }

  deploy(deployment: Deployment): Promise<void> {
    return this.#services.deploy(deployment)
  }

  async packageModels(request: PackageRequest): Promise<PackageFile> {
    const { project, report } = request
    const root = project === undefined ? this.#projectRoot : resolve(project)
    if (root === undefined || !existsSync(join(root, 'host.json')))
      throw new WorkspaceError(
        `project: a package holds the app of a project, and ${root ?? 'the working directory'} is none: name the folder of one, with its host.json`,
      )
    report(`the app of ${root}`)
    // Rarely called, and it brings the code that compresses.
    const { packageModels } = await import('./package-models.ts')
    return packageModels(this.#models, root, request)
  }

  updateService(name: string, change: ServiceChange): Promise<void> {
    return this.#services.update(name, change)
  }

  putDeployment(service: string, name: string, deployment: NewDeployment): Promise<void> {
    return this.#services.putDeployment(service, name, deployment)
  }

  deleteDeployment(service: string, name: string): Promise<void> {
    return this.#services.deleteDeployment(service, name)
  }

  setTraffic(service: string, traffic: Traffic): Promise<void> {
    return this.#services.setTraffic(service, traffic)
  }

  deleteService(name: string): Promise<void> {
    return this.#services.delete(name)
  }

  async getKeys(service: string, signal?: AbortSignal): Promise<ServiceKeys> {
    const keys = await this.#keys.get(service, signal)
    // The app may serve what lies in its package, whose keys are in the vault too.
    if (keys.primary === undefined && keys.secondary === undefined) await this.#requireService(service)
    return keys
  }

  async regenKey(service: string, type: string, value: string | undefined, signal?: AbortSignal): Promise<string> {
    await this.#requireService(service)
    return this.#keys.regenerate({ service, type, ...(value !== undefined && { value }) }, signal)
  }

  async #requireService(service: string): Promise<ServiceRecord> {
    const record = await this.#services.read(service)
    if (!record) throw new WorkspaceError(`there is no service "${service}" in ${this.name}`)
    return record
  }

  async getToken(service: string, signal?: AbortSignal): Promise<AccessToken> {
    const record = await this.#requireService(service)
    if (record.audience === undefined)
      throw new WorkspaceError(
        `${service} takes ${record.auth === 'key' ? 'keys' : 'everybody'}, not tokens: see "auth" in its service.json`,
      )
    const credential = await this.#credential()
    const found = await credential.getToken(`${record.audience}/.default`, { ...(signal && { abortSignal: signal }) })
    if (!found) throw new WorkspaceError(`the credential gave no token for ${record.audience}`)
    const { token, expiresOnTimestamp, refreshAfterTimestamp = expiresOnTimestamp } = found
    return { token, refreshBy: new Date(refreshAfterTimestamp), expiresOn: new Date(expiresOnTimestamp) }
  }
}
