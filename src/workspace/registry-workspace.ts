import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ModelChange, ModelFilters, ModelRecord, ModelRegistration } from '../client/model.ts'
import type { NewDeployment, ServiceChange, ServiceRecord, Traffic } from '../client/service-record.ts'
import { hasTags } from '../client/tags.ts'
import type { AccessToken, Deployment, ServiceKeys, TokenCredential, WorkspaceStore } from '../client/workspace.ts'
import { WorkspaceError } from '../client/workspace-error.ts'
import { ModelRegistry } from '../models/repository/model-registry.ts'
import type { RepositoryFiles } from '../models/repository/repository-files.ts'
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
  readonly readLogs: WorkspaceStore['readLogs']
  readonly uploadInput: WorkspaceStore['uploadInput']
}

/** A workspace on top of a repository of models and services, and of the keys. */
export class RegistryWorkspace implements WorkspaceStore {
  readonly name: string
  readonly findUrl: WorkspaceStore['findUrl']
  readonly readLogs: WorkspaceStore['readLogs']
  readonly uploadInput: WorkspaceStore['uploadInput']
  readonly #models: ModelRegistry
  readonly #services: Services
  readonly #keys: WorkspaceKeys
  readonly #credential: () => Promise<TokenCredential>

  constructor({ name, files, keys, credential, findUrl, readLogs, uploadInput }: WorkspaceParts) {
    this.name = name
    this.findUrl = findUrl
    this.readLogs = readLogs
    this.uploadInput = uploadInput
    this.#models = new ModelRegistry({ files, now: () => new Date() })
    this.#services = new Services(files, this.#models, keys)
    this.#keys = keys
    this.#credential = credential
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

  getKeys(service: string, signal?: AbortSignal): Promise<ServiceKeys> {
    return this.#keys.get(service, signal)
  }

  regenKey(service: string, type: string, value: string | undefined, signal?: AbortSignal): Promise<string> {
    return this.#keys.regenerate({ service, type, ...(value !== undefined && { value }) }, signal)
  }

  async getToken(service: string, signal?: AbortSignal): Promise<AccessToken> {
    const record = await this.#services.read(service)
    if (!record) throw new WorkspaceError(`there is no service "${service}" in ${this.name}`)
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
