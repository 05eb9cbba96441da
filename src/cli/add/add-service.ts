import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { ReadService } from '../../compose/open-service.ts'
import { ServiceLoadError, StartupError } from '../../errors.ts'
import { ServiceDefinition } from '../../models/definition/definition.ts'
import { readTypicalValues } from '../../models/graph/typical-values.ts'
import { sortVersions } from '../../models/repository/versions.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { describeRequests } from '../describe-requests.ts'
import { LocalService, readLocalService } from '../local-service.ts'
import { posixPath } from '../posix-path.ts'
import { defaultPort, openProject, type Project, type ProjectOptions } from '../project.ts'
import { UsageError } from '../usage-error.ts'
import { chooseName, type FoundModel, findModel } from './find-model.ts'
import { makeBodies, type SampleBody } from './sample-body.ts'
import { writeScript } from './script-template.ts'
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
  /** The request that was scored, and its answer as JSON text; undefined: no made-up rows could be scored. */
  readonly sample: { readonly body: string; readonly rowCount: number | undefined; readonly answer: string } | undefined
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
  const script = options.script ? await tryScript(addition, tried) : undefined
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

interface TriedModel {
  readonly report: LoadReport
  readonly sample: Sample | undefined
  readonly whyNoSample: string | undefined
  /** Tensors of the sample. */
  readonly made: SampleBody | undefined
}

type Sample = NonNullable<Added['sample']>

/** Loads the model where it lies, and looks for rows that it can score. */
async function tryModel({ path, model }: FoundModel, name: string): Promise<TriedModel> {
  let log = ''
  const service = await LocalService.load(inMemory(name, { path }), line => {
    log += `${line}\n`
  })
  try {
    const { report } = service
    const { inputs } = report
    let whyNoSample = 'a row has too many values to be written down'
    for (const made of makeBodies({ inputs, typical: readTypicalValues(model), hasRecords: false })) {
      const answer = await service.score(Buffer.from(made.body), 'application/json')
      const text = answer.body.toString()
      if (answer.status === 200)
        return {
          report,
          sample: { body: made.body, rowCount: made.rowCount, answer: text },
          whyNoSample: undefined,
          made,
        }
      await setImmediate() // the lines of the failure arrive
      const cause = [...log.matchAll(/caused by: (?:\w*Error: )?(.*)/g)].at(-1)?.[1]
      whyNoSample = `no made-up row could be scored: ${cause ?? JSON.parse(text).message}`
    }
    return { report, sample: undefined, whyNoSample, made: undefined }
  } finally {
    await service.stop()
  }
}

/** Writes the script to a temporary folder, and scores with it. */
async function tryScript(
  { found: { path, model }, name }: Addition,
  { report, made }: TriedModel,
): Promise<{ text: string; sample: Sample; report: LoadReport }> {
  if (!made)
    throw new StartupError(
      '--script needs rows that can be scored, and none could be made up; add the model without it',
    )
  const bodies = makeBodies({ inputs: report.inputs, typical: readTypicalValues(model), hasRecords: true })
  const text = writeScript({ service: name, inputs: report.inputs, outputs: report.outputs, feeds: made.feeds })
  const folder = await mkdtemp(join(tmpdir(), 'scoring-add-'))
  try {
    const script = join(folder, 'score.ts')
    await writeFile(script, text)
    const service = await LocalService.load(inMemory(name, { path, script }))
    try {
      for (const { body, rowCount } of bodies) {
        const answer = await service.score(Buffer.from(body), 'application/json')
        if (answer.status !== 200) continue
        return { text, sample: { body, rowCount, answer: answer.body.toString() }, report: service.report }
      }
      throw new Error(`the script that was made for "${name}" does not score`)
    } finally {
      await service.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A service that has no files yet but its model. */
function inMemory(name: string, { path, script }: { path: string; script?: string }): ReadService {
  const definition = ServiceDefinition.parse(script === undefined ? {} : { entryScript: 'score.ts' })
  return {
    kind: 'readable',
    name,
    definition,
    documents: {},
    spec: {
      service: name,
      definition,
      definitionDigest: '',
      models: [{ name, path, sha256: undefined }],
      version: undefined,
      versions: [],
      folder: dirname(path),
      modelDir: dirname(path),
      entryScript: script,
      stages: undefined,
      sample: undefined,
    },
  }
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
