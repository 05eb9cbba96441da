/** One service in a folder: `service.json`, and models beside it or in folders with numbers. */
import { hash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { ServiceLoadError } from '../../errors.ts'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { definitionOfDeployment, primaryDeployment } from '../../models/definition/deployments.ts'
import { parseDefinition } from '../../models/definition/parse-definition.ts'
import { nameOfStage } from '../../models/definition/stage.ts'
import type { ModelPath, ServiceSpec, StageSpec } from '../../models/repository/service-spec.ts'
import { findVersion } from '../../models/repository/versions.ts'
import { listVersions, modelFiles, readDigest } from './folder-versions.ts'

export function isServiceFolder(folder: string): Promise<boolean> {
  return exists(join(folder, 'service.json'))
}

/** @throws ServiceLoadError naming what is missing, or what has to be chosen */
export async function openFolderService(root: string, name: string): Promise<ServiceSpec> {
  const folder = join(root, name)
  const [text, versions] = await Promise.all([readText(join(folder, 'service.json')), listVersions(folder)])
  const definition = parseDefinition(`${name}/service.json`, text)
  const definitionDigest = hash('sha256', text, 'hex')
  const primary = primaryDeployment(definition)
  if (primary === undefined)
    return openWithDefinition({ service: name, folder, definition, definitionDigest, versions })
  const names = Object.keys(definition.deployments ?? {})
  const specs = await Promise.all(
    names.map(deployment =>
      openWithDefinition({
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

async function openWithDefinition(opening: Opening): Promise<ServiceSpec> {
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
