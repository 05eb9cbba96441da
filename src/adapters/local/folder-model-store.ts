import { hash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { ServiceLoadError, StartupError } from '../../errors.ts'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { definitionOfDeployment, primaryDeployment } from '../../models/definition/deployments.ts'
import { checkOwnDocument, type OwnDocuments, ownDocumentFiles } from '../../models/definition/own-documents.ts'
import { parseDefinition } from '../../models/definition/parse-definition.ts'
import { serviceNamePattern, serviceNameRule } from '../../models/definition/service-name.ts'
import { nameOfStage } from '../../models/definition/stage.ts'
import type { ModelStore } from '../../models/repository/model-store.ts'
import { versionPattern, withoutRegistration } from '../../models/repository/repository-layout.ts'
import type { ModelPath, ServiceSpec, StageSpec } from '../../models/repository/service-spec.ts'
import type { FileVersions, StoreFiles } from '../../models/repository/store-changes.ts'
import {
  decodeRecord,
  recordFile,
  reservationFile,
  type VersionRecord,
} from '../../models/repository/version-record.ts'
import { findVersion, sortVersions } from '../../models/repository/versions.ts'
import { readFileVersions } from './file-versions.ts'

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
      entries.sort().map(async name => ({ name, isService: await exists(join(this.#root, name, 'service.json')) })),
    )
  }

  async openService(name: string): Promise<ServiceSpec> {
    if (!serviceNamePattern.test(name)) {
      throw new ServiceLoadError(`"${name}" is not a valid service name: ${serviceNameRule}`)
    }
    const folder = join(this.#root, name)
    const [text, versions] = await Promise.all([readText(join(folder, 'service.json')), listVersions(folder)])
    const definition = parseDefinition(`${name}/service.json`, text)
    const definitionDigest = hash('sha256', text, 'hex')
    const primary = primaryDeployment(definition)
    if (primary === undefined) return openWith({ service: name, folder, definition, definitionDigest, versions })
    const names = Object.keys(definition.deployments ?? {})
    const specs = await Promise.all(
      names.map(deployment =>
        openWith({
          service: name,
          folder,
          definition: definitionOfDeployment(definition, deployment),
          definitionDigest,
          versions,
          deployment,
          version: definition.deployments?.[deployment]?.version,
        }),
      ),
    )
    const deployments = Object.fromEntries(names.map((each, index) => [each, specs[index] as ServiceSpec]))
    return { ...(deployments[primary] as ServiceSpec), definition, deployments }
  }

  async readDocuments(name: string): Promise<OwnDocuments> {
    const present = new Set(await readdir(join(this.#root, name)))
    const documents: Record<string, string> = {}
    for (const [version, files] of Object.entries(ownDocumentFiles)) {
      const file = files.find(each => present.has(each))
      if (file) documents[version] = checkOwnDocument(`${name}/${file}`, await readText(join(this.#root, name, file)))
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

/** What a service is opened from: its definition, or one of its deployments. */
interface Opening {
  readonly service: string
  readonly folder: string
  readonly definition: ServiceDefinition
  readonly definitionDigest: string
  /** The numbered folders that hold a model, oldest first. */
  readonly versions: readonly string[]
  readonly deployment?: string
  /** The numbered folder of the deployment; undefined: as the definition says. */
  readonly version?: number | undefined
}

async function openWith(opening: Opening): Promise<ServiceSpec> {
  const { service: name, folder, definition, definitionDigest, versions, ...of } = opening
  if (of.version !== undefined && !versions.includes(String(of.version))) {
    const known = versions.length > 0 ? `there are: ${versions.join(', ')}` : 'there is none'
    throw new ServiceLoadError(
      `${name}/service.json: deployments.${of.deployment}.version: there is no version ${of.version} with a model; ${known}`,
    )
  }
  const models = definition.models
    ? await namedModels(name, folder, definition.models)
    : await newestModel(name, folder, of.version === undefined ? versions : [String(of.version)])
  const [only] = models
  if (!definition.entryScript && !definition.stages && models.length !== 1) {
    throw new ServiceLoadError(`${name}: ${models.length === 0 ? await noModel(folder) : severalModels(models)}`)
  }
  const entryScript = definition.entryScript && join(folder, definition.entryScript)
  if (entryScript) await mustExist(entryScript, `${name}/service.json: entryScript: ${definition.entryScript}`)
  return {
    service: name,
    definition,
    definitionDigest,
    models,
    folder,
    version: findVersion(models.map(({ path }) => relative(folder, path).split(sep).join('/'))),
    versions,
    modelDir: models.length === 1 && only ? dirname(only.path) : folder,
    entryScript,
    stages: definition.stages && (await openStages(name, folder, definition, models)),
    sample: await readSample(name, folder, definition.schema.input),
  }
}

/** A model where a service would have one. */
const modelOfUndefined = /^[^/]+\/(\d+\/)?[^/]+\.onnx$/
/** Files beside the services that no script imports; the build writes the schema of `service.json`. */
const notImported = /\.(onnx|md)$|^service\.schema\.json$/
/** Weights and records of models without a service: to register one changes no service. */
const ofModel = /^[^/]+\/\d+\/.*(?<!\.[cm]?[jt]s)$/

/** @returns what is there instead of a model, so that the owner sees the wrong ending or folder */
async function noModel(folder: string): Promise<string> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const others = found
    .filter(entry => entry.isFile() && entry.name !== 'service.json')
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .sort()
  const what = others.length === 0 ? 'nothing else' : others.slice(0, 3).join(', ') + (others.length > 3 ? ', …' : '')
  return `there is no .onnx file beside service.json or in a folder with a number as its name, e.g. 1/model.onnx; there is ${what}`
}

function severalModels(models: readonly ModelPath[]): string {
  const names = models.map(({ name }) => `"${name}"`).join(', ')
  return `service.json names ${models.length} models (${names}), and a service without an entryScript or stages has exactly one`
}

async function namedModels(
  service: string,
  folder: string,
  models: NonNullable<ServiceDefinition['models']>,
): Promise<ModelPath[]> {
  return Promise.all(
    Object.entries(models).map(async ([name, { path, sha256 }]) => {
      const file = join(folder, path)
      await mustExist(file, `${service}/service.json: models.${name}.path: ${path}`)
      return { name, path: file, sha256: sha256 ?? (await readDigest(folder, path)) }
    }),
  )
}

/** @returns the one .onnx file of the newest version, or the one beside service.json */
async function newestModel(service: string, folder: string, versions: readonly string[]): Promise<ModelPath[]> {
  const version = versions.at(-1) ?? '.'
  const files = modelFiles(await readdir(join(folder, version)))
  if (files.length > 1) {
    throw new ServiceLoadError(
      `${service}: ${files.length} .onnx files in ${version}/; say in service.json which are its models`,
    )
  }
  const [file] = files
  const name = file === 'model.onnx' ? service : basename(file ?? '', '.onnx')
  if (!file) return []
  return [{ name, path: join(folder, version, file), sha256: await readDigest(folder, `${version}/${file}`) }]
}

/** @returns the digest that a file of a registered version has */
async function readDigest(folder: string, path: string): Promise<string | undefined> {
  const [version = '', ...file] = path.split(/[\\/]/).filter(part => part !== '.')
  if (file.length === 0 || !versionPattern.test(version)) return undefined
  const record = await readRecord(join(folder, version))
  return record?.files.find(each => each.path === file.join('/'))?.sha256
}

/** @returns undefined when the version was not registered, but copied */
async function readRecord(folder: string): Promise<VersionRecord | undefined> {
  const text = await readFile(join(folder, recordFile), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : decodeRecord(text)
}

/** @returns the numbered folders that hold a model, oldest first */
async function listVersions(folder: string): Promise<string[]> {
  const numbered = sortVersions(await readdir(folder))
  const files = await Promise.all(numbered.map(version => listFinished(join(folder, version))))
  return numbered.filter((_, index) => modelFiles(files[index] ?? []).length > 0)
}

/** @returns the names of the files of a version, if it is not being registered, and not deleted */
async function listFinished(folder: string): Promise<string[]> {
  const files = await readdir(folder).catch((): string[] => [])
  if (!files.includes(recordFile)) return files.includes(reservationFile) ? [] : files
  return (await readRecord(folder))?.deletedAt === undefined ? files : []
}

/** @returns the models in a folder, less the optimized file of a model that is there too */
function modelFiles(names: readonly string[]): string[] {
  const isOptimized = (name: string) =>
    name.endsWith('.optimized.onnx') && names.includes(name.replace(/\.optimized\.onnx$/, '.onnx'))
  return names.filter(name => name.endsWith('.onnx') && !isOptimized(name))
}

/** Looks beside where `service.json` would be, and in the folders of versions. */
async function hasModelFile(folder: string): Promise<boolean> {
  const inFolder = await readdir(folder).catch(() => undefined)
  if (!inFolder) return false
  if (inFolder.some(file => file.endsWith('.onnx'))) return true
  const versions = await listVersions(folder)
  const records = await Promise.all(versions.map(version => readRecord(join(folder, version))))
  return records.some(record => !record) // a model that was registered need not be served
}

async function openStages(
  service: string,
  folder: string,
  definition: ServiceDefinition,
  models: readonly ModelPath[],
): Promise<StageSpec[]> {
  return Promise.all(
    (definition.stages ?? []).map(async (stage, index) => {
      const key = `${service}/service.json: stages.${index}`
      const script = stage.script && { path: join(folder, stage.script), name: `${service}/${stage.script}` }
      if (script) await mustExist(script.path, `${key}.script: ${stage.script}`)
      if (stage.model !== undefined && !models.some(({ name }) => name === stage.model)) {
        const known = models.map(({ name }) => name).join(', ') || 'none'
        throw new ServiceLoadError(`${key}.model: there is no model "${stage.model}"; models: ${known}`)
      }
      return {
        name: nameOfStage(stage),
        model: stage.model,
        script: script || undefined,
        accelerator: stage.accelerator ?? definition.accelerator,
        maxRows: stage.maxRows ?? definition.batching.maxRows,
      }
    }),
  )
}

async function readSample(service: string, folder: string, input: string | undefined): Promise<string | undefined> {
  if (!input) return undefined
  return readText(join(folder, input)).catch(async cause => {
    await mustExist(join(folder, input), `${service}/service.json: schema.input: ${input}`)
    throw cause
  })
}

const readText = (path: string) => readFile(path, 'utf8')

async function mustExist(path: string, name: string): Promise<void> {
  if (!(await exists(path))) throw new ServiceLoadError(`${name} does not exist`)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
