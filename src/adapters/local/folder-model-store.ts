import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ServiceLoadError, StartupError } from '../../errors.ts'
import { checkOwnDocument, type OwnDocuments, ownDocumentFiles } from '../../models/definition/own-documents.ts'
import { serviceNamePattern, serviceNameRule } from '../../models/definition/service-name.ts'
import type { ModelStore } from '../../models/repository/model-store.ts'
import { withoutRegistration } from '../../models/repository/repository-layout.ts'
import type { ServiceSpec } from '../../models/repository/service-spec.ts'
import type { FileVersions, StoreFiles } from '../../models/repository/store-changes.ts'
import { recordFile } from '../../models/repository/version-record.ts'
import { readFileVersions } from './file-versions.ts'
import { isServiceFolder, openFolderService } from './folder-service.ts'
import { hasModelFile } from './folder-versions.ts'

/** Reads services from a folder: `<service>/service.json`, models in `<service>/<version>/`. */
export class FolderModelStore implements ModelStore {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  get location(): string {
    return this.#root
  }

  /** @throws StartupError when the folder cannot be read */
  async listServices(): Promise<string[]> {
    const entries = await this.#list()
    return entries.filter(({ isService }) => isService).map(({ name }) => name)
  }

  /** @returns names of the folders with a model and no `service.json` */
  async listUndefined(): Promise<string[]> {
    const others = (await this.#list()).filter(({ isService }) => !isService)
    const hasModel = await Promise.all(others.map(({ name }) => hasModelFile(join(this.#root, name))))
    return others.filter((_, index) => hasModel[index]).map(({ name }) => name)
  }

  async #list(): Promise<{ name: string; isService: boolean }[]> {
    let entries: string[]
    try {
      entries = await readdir(this.#root)
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      const why = code === 'ENOENT' ? `${this.#root} does not exist` : message
      throw new StartupError(`the folder of services cannot be read: ${why}`, { cause })
    }
    return Promise.all(
      entries.sort().map(async name => ({ name, isService: await isServiceFolder(join(this.#root, name)) })),
    )
  }

  async openService(name: string): Promise<ServiceSpec> {
    if (!serviceNamePattern.test(name)) {
      throw new ServiceLoadError(`"${name}" is not a valid service name: ${serviceNameRule}`)
    }
    return openFolderService(this.#root, name)
  }

  async readDocuments(name: string): Promise<OwnDocuments> {
    const present = new Set(await readdir(join(this.#root, name)))
    const documents: Record<string, string> = {}
    for (const [version, files] of Object.entries(ownDocumentFiles)) {
      const file = files.find(each => present.has(each))
      if (file)
        documents[version] = checkOwnDocument(`${name}/${file}`, await readFile(join(this.#root, name, file), 'utf8'))
    }
    return documents
  }

  async readServiceFiles(name: string): Promise<FileVersions> {
    return withoutRegistration(await readFileVersions(join(this.#root, name)))
  }

  /** @throws Error when the folder cannot be read */
  async readFiles(): Promise<StoreFiles> {
    const files = await readFileVersions(this.#root)
    const services = new Map<string, Map<string, string>>()
    for (const path of files.keys()) if (/^[^/]+\/service\.json$/.test(path)) services.set(dirname(path), new Map())
    const shared = new Map<string, string>()
    const undefinedServices = new Set<string>()
    for (const [path, version] of files) {
      const end = path.indexOf('/')
      const name = path.slice(0, Math.max(0, end))
      const service = services.get(name)
      if (service) service.set(path.slice(end + 1), version)
      else if (modelOfUndefined.test(path)) {
        if (!files.has(`${dirname(path)}/${recordFile}`)) undefinedServices.add(name)
      } else if (!notImported.test(path) && !ofModel.test(path)) shared.set(path, version)
    }
    for (const [name, own] of services) services.set(name, withoutRegistration(own))
    return { services, shared, undefinedServices }
  }
}

/** A model where a service would have one. */
const modelOfUndefined = /^[^/]+\/(\d+\/)?[^/]+\.onnx$/
/** Files beside the services that no script imports; the build writes the schema of `service.json`. */
const notImported = /\.(onnx|md)$|^service\.schema\.json$/
/** Weights and records of models without a service: to register one changes no service. */
const ofModel = /^[^/]+\/\d+\/.*(?<!\.[cm]?[jt]s)$/
