import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { ReadService } from '../../compose/open-service.ts'
import { ServiceLoadError, StartupError } from '../../errors.ts'
import { sortVersions } from '../../models/repository/versions.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { describeRequests } from '../describe-requests.ts'
import { LocalService, readLocalService } from '../local-service.ts'
import { posixPath } from '../posix-path.ts'
import { defaultPort, openProject, type Project, type ProjectOptions } from '../project.ts'
import { UsageError } from '../usage-error.ts'
import { chooseName, type FoundModel, findModel } from './find-model.ts'
import { type Sample, tryModel, tryScript } from './try-model.ts'
import { removeOriginals, writeFiles, writeIfAbsent, writeVersion } from './write-service.ts'

export interface AddOptions extends ProjectOptions {
  readonly name?: string
  readonly modelVersion?: number
  readonly script?: boolean
  readonly move?: boolean
}

/** What was added. */
export interface Added {
  readonly service: string
  readonly version: number
  /** Folder of the service, relative to the working directory. */
  readonly folder: string
  readonly isNewService: boolean
  readonly modelBytes: number
  readonly report: LoadReport
  /** undefined: no made-up rows could be scored. */
  readonly sample: Sample | undefined
  /** Why there is no sample. */
  readonly whyNoSample: string | undefined
  /** Paths relative to the working directory. */
  readonly files: readonly string[]
  /** The version that the service answers with, where that is not the new one. */
  readonly pinned: string | undefined
}

/**
 * Makes a service of a model, or adds a version to one. Everything is tried before anything is written.
 *
 * @throws UsageError, StartupError or ServiceLoadError when nothing was written
 */
export async function addService(given: string, options: AddOptions): Promise<Added> {
  const project = openProject(options)
  const found = findModel(given)
  const place = findPlace(project, found)
  const name = chooseName(options.name, place?.service ?? found.suggestedName)
  const folder = join(project.modelsDir, name)
  const inPlace = place?.service === name ? place.version : undefined
  const addition = { project, found, name, folder, inPlace, options }
  return existsSync(join(folder, 'service.json')) ? addVersion(addition) : makeService(addition)
}

interface Addition {
  readonly project: Project
  readonly found: FoundModel
  readonly name: string
  readonly folder: string
  /** The version of the service that the file is already. */
  readonly inPlace: number | undefined
  readonly options: AddOptions
}

/** A file in `models/<service>/<version>/` stays there, and lacks only the rest of a service. */
function findPlace({ modelsDir }: Project, { path }: FoundModel): { service: string; version: number } | undefined {
  const [service = '', version = '', ...rest] = relative(modelsDir, path).split(sep)
  return /^[1-9]\d*$/.test(version) && service !== '..' && rest.length === 1
    ? { service, version: Number(version) }
    : undefined
}

async function makeService(addition: Addition): Promise<Added> {
  const { project, found, name, folder, inPlace, options } = addition
  const version = inPlace ?? (await chooseVersion(addition))
  const tried = await tryModel(found, name)
  const { report, sample } = tried
  const script = options.script ? await tryScript(name, found, tried) : undefined
  const kept = script?.sample ?? sample
  const requests = describeRequests({
    service: name,
    report: { ...(script?.report ?? report), ...(kept && { inputSample: kept.body, isSampleScored: true }) },
    authMode: 'key',
    url: `http://localhost:${project.local.port ?? defaultPort}`,
  })
  const definition = {
    ...schemaEntry(project, folder),
    ...(script && { entryScript: 'score.ts' }),
    ...(kept && { schema: { input: 'sample.json' } }),
  }
  const files = {
    ...(kept && { 'sample.json': kept.body }),
    ...(script && { 'score.ts': script.text }),
    'service.json': `${JSON.stringify(definition, null, 2)}\n`,
  }
  const copies = inPlace === undefined ? await copyModel(folder, version, found) : []
  await writeFiles(folder, files)
  // Outside the folder of the service: what changes there is loaded again, and makes another model of it for jobs.
  const requestsFile = await writeIfAbsent(join(project.root, 'requests'), `${name}.http`, requests)
  if (options.move && inPlace === undefined) await removeOriginals(found)
  return describe(addition, {
    version,
    isNewService: true,
    // The script decides whether requests share runs.
    report: script ? { ...script.report, inputs: report.inputs, outputs: report.outputs } : report,
    sample: kept,
    whyNoSample: tried.whyNoSample,
    files: [...copies, ...Object.keys(files).map(file => join(folder, file)), ...requestsFile],
    pinned: undefined,
  })
}

/** @returns the paths of the copies */
async function copyModel(folder: string, version: number, found: FoundModel): Promise<string[]> {
  const model = await writeVersion(folder, version, found)
  return [model, ...found.weights.map(file => join(dirname(model), file))]
}

type Facts = Omit<Added, 'service' | 'folder' | 'modelBytes'>

function describe({ found, name, folder }: Addition, { files, ...facts }: Facts): Added {
  const shown = (path: string) => relative(process.cwd(), path) || '.'
  return { service: name, folder: shown(folder), modelBytes: found.bytes, ...facts, files: files.map(shown) }
}

/** The next version, or the one that was asked for. @throws UsageError when it is there already */
async function chooseVersion({ name, folder, options }: Addition): Promise<number> {
  const versions = await listVersions(folder)
  if (options.modelVersion === undefined) return Math.max(0, ...versions) + 1
  if (versions.includes(options.modelVersion))
    throw new UsageError(
      `--model-version ${options.modelVersion}: "${name}" has that version already; it has ${versions.join(', ')}`,
    )
  return options.modelVersion
}

async function listVersions(folder: string): Promise<number[]> {
  if (!existsSync(folder)) return []
  return sortVersions(await readdir(folder)).map(Number)
}

/** Editors find the schema of `service.json` by this entry. */
function schemaEntry({ root, modelsDir }: Project, folder: string): { $schema?: string } {
  const found = [
    join(modelsDir, 'service.schema.json'),
    join(root, 'node_modules', 'scoring-functions', 'dist', 'service.schema.json'),
  ].find(existsSync)
  return found === undefined ? {} : { $schema: posixPath(folder, found) }
}

async function addVersion(addition: Addition): Promise<Added> {
  const { project, found, name, folder, inPlace, options } = addition
  if (inPlace !== undefined) throw new UsageError(`${found.path} is version ${inPlace} of service "${name}" already`)
  if (options.script)
    throw new UsageError(
      `--script: service "${name}" exists; write its score.ts by hand, and put "entryScript": "score.ts" into service.json. For a script to start from, add the model under another name, such as --name ${name}-script`,
    )
  const read = await readLocalService(project, name)
  if (read.kind === 'unreadable')
    throw new StartupError(`service "${name}" exists and cannot be read, so it gets no new version: ${read.failure}`)
  const { spec, definition } = read
  const [only, ...others] = spec.models
  if (!only || others.length > 0 || definition.stages)
    throw new StartupError(
      `service "${name}" exists and consists of several models or stages; put the file into its folder and name it in service.json`,
    )
  const version = await chooseVersion(addition)
  const models = [{ ...only, path: found.path, sha256: undefined }]
  const service = await loadVersion({ ...read, spec: { ...spec, models, modelDir: dirname(found.path) } }, version)
  let sample: Sample | undefined
  try {
    const { report } = service
    const body = report.inputSample
    const answer = body === undefined ? undefined : await service.score(Buffer.from(body), 'application/json')
    if (body !== undefined && answer?.status === 200)
      sample = { body, rowCount: undefined, answer: answer.body.toString() }
    const files = await copyModel(folder, version, found)
    if (options.move) await removeOriginals(found)
    const served = definition.models ? posixPath(folder, only.path) : undefined
    const newest = Math.max(...(await listVersions(folder)))
    const pinned = served ?? (newest > version ? `${newest}` : undefined)
    return describe(addition, { version, isNewService: false, report, sample, whyNoSample: undefined, files, pinned })
  } finally {
    await service.stop()
  }
}

/** Loads the service with the new model, which also scores its sample. */
async function loadVersion(read: ReadService, version: number): Promise<LocalService> {
  try {
    return await LocalService.load(read)
  } catch (failure) {
    if (!(failure instanceof ServiceLoadError)) throw failure
    throw new StartupError(
      `the model does not work as version ${version} of service "${read.name}": ${failure.message}. Nothing was written; change the sample or the script of "${read.name}" first, or add the model under another name with --name`,
      { cause: failure },
    )
  }
}
