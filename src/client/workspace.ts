import type { Fetch } from './caller.ts'
import type { DeploymentConfiguration } from './deployment-configuration.ts'
import type { InferenceConfig } from './inference-config.ts'
import type { Model, ModelChange, ModelFilters, ModelRecord, ModelRegistration } from './model.ts'
import type { PackageFile, PackageRequest } from './model-package.ts'
import type { NewDeployment, ServiceChange, ServiceRecord, Traffic } from './service-record.ts'

/** Either is accepted. */
export type KeyType = 'primary' | 'secondary'

/** Both keys of a service; undefined where one is absent or disabled. */
export interface ServiceKeys {
  /** The first key, which `run` uses. */
  readonly primary: string | undefined
  /** The other key: it works while the first one is replaced. */
  readonly secondary: string | undefined
}

/** An access token for a service. */
export interface AccessToken {
  /** Goes into the header `Authorization`, after `Bearer`. */
  readonly token: string
  /** When to ask for the next one. */
  readonly refreshBy: Date
  /** When it is no longer taken. */
  readonly expiresOn: Date
}

/** What Azure's SDKs call `TokenCredential`, e.g. of `new DefaultAzureCredential()` of the package `@azure/identity`. */
export interface TokenCredential {
  /** Gets a token for a scope, such as `api://scoring/.default`. */
  getToken(
    scopes: string | string[],
    options?: { abortSignal?: AbortSignal },
  ): Promise<{ token: string; expiresOnTimestamp: number; refreshAfterTimestamp?: number } | null>
}

/** What differs from the settings of the project. */
export interface FolderWorkspaceOptions {
  /** Address of the app; default: `SCORING_URL`, or the app of this project that `scoring start` runs. */
  readonly url?: string | undefined
  /** Folder of models and services; default: `SCORING_MODELS`, or `models` in the project. */
  readonly models?: string | undefined
}

/** Where models, keys and the app are. */
export interface AzureWorkspaceOptions {
  /** Address of the app, e.g. `https://my-scoring.azurewebsites.net`. */
  readonly url: string
  /** Container with models and services, e.g. `https://myaccount.blob.core.windows.net/models`. */
  readonly models: string
  /** Address of the vault with the keys, e.g. `https://my-vault.vault.azure.net`; absent: keys cannot be shown or changed. */
  readonly keyVault?: string | undefined
  /** Blob service of the app, where batch jobs read and write, e.g. `https://myaccount.blob.core.windows.net`; default: that of `models`. */
  readonly storage?: string | undefined
  /** Who the caller is; default: the account that is signed in on this machine (`az login`, an editor, environment variables). */
  readonly credential?: TokenCredential | undefined
}

/** A deployment as `Model.deploy` hands it on. */
export interface Deployment {
  readonly name: string
  readonly models: readonly Model[]
  readonly inferenceConfig: InferenceConfig
  readonly configuration: DeploymentConfiguration
  /** Whether a service of that name is replaced. */
  readonly overwrite: boolean
}

/** Where models, services and keys are kept. The implementations need Node.js, and are loaded when a workspace is opened. */
export interface WorkspaceStore {
  /** A folder or a URL, for messages. */
  readonly name: string
  /** Where the app is, or will be once it is started. */
  findUrl(signal?: AbortSignal): Promise<string>
  /** @throws WorkspaceError when no app is known to run there: what listens may belong to another project, and must not get a key */
  requireApp(): void
  registerModel(registration: ModelRegistration): Promise<ModelRecord>
  listModels(filters: ModelFilters): Promise<ModelRecord[]>
  /** @returns undefined when there is no such version */
  readModel(name: string, version: number | undefined): Promise<ModelRecord | undefined>
  updateModel(name: string, version: number, change: ModelChange): Promise<ModelRecord>
  deleteModel(name: string, version: number): Promise<void>
  /** @returns the folder with the files */
  downloadModel(model: ModelRecord, folder: string): Promise<string>
  listServices(): Promise<ServiceRecord[]>
  readService(name: string): Promise<ServiceRecord | undefined>
  deploy(deployment: Deployment): Promise<void>
  packageModels(request: PackageRequest): Promise<PackageFile>
  updateService(name: string, change: ServiceChange): Promise<void>
  putDeployment(service: string, name: string, deployment: NewDeployment): Promise<void>
  deleteDeployment(service: string, name: string): Promise<void>
  setTraffic(service: string, traffic: Traffic): Promise<void>
  deleteService(name: string): Promise<void>
  /** @throws WorkspaceError when there are neither keys nor such a service */
  getKeys(service: string, signal?: AbortSignal): Promise<ServiceKeys>
  /** @throws WorkspaceError when there is no such service; no key is made then */
  regenKey(service: string, type: string, value: string | undefined, signal?: AbortSignal): Promise<string>
  getToken(service: string, signal?: AbortSignal): Promise<AccessToken>
  /**
   * Uploads a file for a batch job.
   *
   * @param blob  `<container>/<path>`; default: in the container `input`, under a name that is new
   * @returns the blob
   */
  uploadInput(file: string, blob?: string): Promise<string>
  readLogs(service: string, numLines: number, signal?: AbortSignal): Promise<string>
}

/**
 * A place with models, services and keys, and the app that serves them: a project on this machine, or a container and a vault in
 * Azure, which are used with the rights of the caller. There is no management server between.
 */
export class Workspace {
  /** Keeps models, services and keys. */
  readonly store: WorkspaceStore
  /** Sends requests in place of the global `fetch`, e.g. through a proxy. */
  fetch: Fetch | undefined

  private constructor(store: WorkspaceStore) {
    this.store = store
  }

  /** A folder or a URL. */
  get name(): string {
    return this.store.name
  }

  /**
   * Opens the project of a folder: the nearest one with a `host.json`. Where its settings name a container (`SCORING_MODELS`) and a
   * vault (`KEY_VAULT_URL`), those are used. Needs Node.js.
   *
   * @throws Error when there is no project
   */
  static async fromFolder(folder = '.', options: FolderWorkspaceOptions = {}): Promise<Workspace> {
    const { openFolderWorkspace } = await import('../workspace/open-workspace.ts')
    return new Workspace(await openFolderWorkspace(folder, options))
  }

  /** Opens a container and a vault in Azure. No request is sent yet. Needs Node.js. */
  static async fromAzure(options: AzureWorkspaceOptions): Promise<Workspace> {
    const { openAzureWorkspace } = await import('../workspace/open-workspace.ts')
    return new Workspace(await openAzureWorkspace(options))
  }

  /**
   * Opens what `workspace.json` names, in the folder or one above it: `{"url", "models", "keyVault"}`, as for `fromAzure`. Where there is
   * none, the project is opened as `fromFolder` does. Needs Node.js.
   */
  static async fromConfig(folder = '.', options: Pick<AzureWorkspaceOptions, 'credential'> = {}): Promise<Workspace> {
    const { openConfiguredWorkspace } = await import('../workspace/open-workspace.ts')
    return new Workspace(await openConfiguredWorkspace(folder, options))
  }
}
