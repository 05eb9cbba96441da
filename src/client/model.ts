import { type DeploymentConfiguration, deployConfiguration } from './deployment-configuration.ts'
import { InferenceConfig } from './inference-config.ts'
import { checkPackageParameters, ModelPackage, type PackageParameters } from './model-package.ts'
import type { TagFilters } from './tags.ts'
import { Webservice } from './webservice.ts'
import type { Workspace } from './workspace.ts'
import { WorkspaceError } from './workspace-error.ts'

/** Names with texts. */
export type Labels = Readonly<Record<string, string>>

/** What is known of a version of a model. */
export interface ModelRecord {
  /** Of the model. */
  readonly name: string
  /** From 1. */
  readonly version: number
  /** ISO 8601; undefined: it was copied into the workspace, not registered. */
  readonly createdAt: string | undefined
  /** One sentence for people. */
  readonly description: string
  /** Labels, which may change. */
  readonly tags: Labels
  /** Labels, which do not change once they are set. */
  readonly properties: Labels
  /** Its files: the path with `/`, the size in bytes, and the SHA-256 (hexadecimal) of those that were registered. */
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256?: string | undefined }[]
}

/** With Azure ML's names. */
export interface ModelRegistration {
  /** An ONNX file, with the files of its weights beside it, or a folder. */
  readonly modelPath: string
  /** Letters, digits, `-`, `_` and `.`. */
  readonly modelName: string
  /** Labels, which may change. */
  readonly tags?: Labels | undefined
  /** Labels, which do not change once they are set. */
  readonly properties?: Labels | undefined
  /** One sentence for people. */
  readonly description?: string | undefined
}

/** Which models are listed. */
export interface ModelFilters {
  /** Only versions of this model. */
  readonly name?: string | undefined
  /** Tags that a version has: a name, or a name with its value. */
  readonly tags?: TagFilters | undefined
  /** Only the newest version of each. */
  readonly latest?: boolean | undefined
}

/** What may change of a version. */
export interface ModelChange {
  /** Replace the tags that there are. */
  readonly tags?: Labels | undefined
  /** Are added; those that there are do not change. */
  readonly properties?: Labels | undefined
  /** Replaces the one that there is. */
  readonly description?: string | undefined
}

/** There is no such model. */
export class ModelNotFound extends WorkspaceError {
  override readonly name = 'ModelNotFound'
}

/** A version of a model that is registered in a workspace. */
export class Model {
  /** Where it is registered. */
  readonly workspace: Workspace
  /** All that is known of it, as it was read. */
  readonly record: ModelRecord

  private constructor(workspace: Workspace, record: ModelRecord) {
    this.workspace = workspace
    this.record = record
  }

  /** The name it was registered under. */
  get name(): string {
    return this.record.name
  }

  /** From 1; it does not change. */
  get version(): number {
    return this.record.version
  }

  /** `name:version` */
  get id(): string {
    return `${this.name}:${this.version}`
  }

  /** Labels, which `update` replaces. */
  get tags(): Labels {
    return this.record.tags
  }

  /** Labels, to which `update` can add. */
  get properties(): Labels {
    return this.record.properties
  }

  /** One sentence for people. */
  get description(): string {
    return this.record.description
  }

  /** When it was registered; undefined: it was copied into the workspace. */
  get createdTime(): Date | undefined {
    return this.record.createdAt === undefined ? undefined : new Date(this.record.createdAt)
  }

  /** Registers a model. The same name again makes the next version; versions do not change. */
  static async register(workspace: Workspace, registration: ModelRegistration): Promise<Model> {
    return new Model(workspace, await workspace.store.registerModel(registration))
  }

  /** Lists versions, by name and then oldest first. */
  static async list(workspace: Workspace, filters: ModelFilters = {}): Promise<Model[]> {
    return (await workspace.store.listModels(filters)).map(record => new Model(workspace, record))
  }

  /**
   * Reads a version of a model.
   *
   * @param version  default: the newest
   * @throws ModelNotFound
   */
  static async get(workspace: Workspace, name: string, version?: number): Promise<Model> {
    const record = await workspace.store.readModel(name, version)
    if (record) return new Model(workspace, record)
    throw new ModelNotFound(
      `there is no model "${version === undefined ? name : `${name}:${version}`}" in ${workspace.name}`,
    )
  }

  /**
   * Makes a service of models, or replaces one. The app serves it as soon as it has loaded; `waitForDeployment` waits for that.
   *
   * @param models  registered models; several need an entry script
   * @param configuration  default: a service that takes keys
   * @param options  `overwrite`: a service of that name is replaced
   */
  static async deploy(
    workspace: Workspace,
    name: string,
    models: readonly Model[],
    inferenceConfig: InferenceConfig = new InferenceConfig(),
    configuration: DeploymentConfiguration = deployConfiguration('local'),
    { overwrite = false }: { readonly overwrite?: boolean } = {},
  ): Promise<Webservice> {
    await workspace.store.deploy({ name, models, inferenceConfig, configuration, overwrite })
    return Webservice.deployed(workspace, name, configuration)
  }

  /**
   * Makes a zip file for Azure Functions: the app of a project with one service of the models, and no other. It is made while the caller
   * goes on; `waitForCreation` waits for it.
   *
   * @param models  registered models; several need an entry script
   * @throws TypeError for a parameter that means nothing here
   */
  static package(
    workspace: Workspace,
    models: readonly Model[],
    inferenceConfig: InferenceConfig = new InferenceConfig(),
    parameters: PackageParameters = {},
  ): ModelPackage {
    checkPackageParameters(parameters)
    return new ModelPackage(report => workspace.store.packageModels({ ...parameters, models, inferenceConfig, report }))
  }

  /** Changes what may change of a version: tags, description, and further properties. */
  async update(change: ModelChange): Promise<Model> {
    return new Model(this.workspace, await this.workspace.store.updateModel(this.name, this.version, change))
  }

  /** Deletes the version. Its number is not used again. @throws Error when a service of that name needs it */
  delete(): Promise<void> {
    return this.workspace.store.deleteModel(this.name, this.version)
  }

  /** Copies the files into a folder, which is made. @returns the folder */
  download(targetDir = '.'): Promise<string> {
    return this.workspace.store.downloadModel(this.record, targetDir)
  }
}
