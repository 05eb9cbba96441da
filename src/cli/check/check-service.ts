import { readdir, stat } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import type { ReadService } from '../../compose/open-service.ts'
import { ServiceLoadError } from '../../errors.ts'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import { ownDocumentFiles } from '../../models/definition/own-documents.ts'
import { hasScript, type ServiceSpec } from '../../models/repository/service-spec.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { describePlacement } from '../../models/session/placement.ts'
import { describeService } from '../../protocols/openapi/document.ts'
import { openApiVersions } from '../../protocols/openapi/version.ts'
import { isOpen } from '../../tensor/shape.ts'
import { describeFailure, readJson } from '../answer.ts'
import { describeBytes, describeSharing, describeTensor, isAboutRows, shorten } from '../describe.ts'
import { error, type Finding, ok, warning } from '../finding.ts'
import { LocalService, readLocalService } from '../local-service.ts'
import { posixPath } from '../posix-path.ts'
import type { Project } from '../project.ts'
import { checkModel, type ModelCheck } from './check-model.ts'
import { realPath, type TypeCheck } from './check-types.ts'

/** What the check of one service found. */
export interface ServiceCheck {
  readonly service: string
  readonly findings: readonly Finding[]
  /** Bytes of all files in its folder. */
  readonly bytes: number
}

/** @param types  started once for all services */
export async function checkService(project: Project, name: string, types: Promise<TypeCheck>): Promise<ServiceCheck> {
  const folder = join(project.modelsDir, name)
  const { files, bytes } = await measureFolder(folder)
  const size = ok('size', `${describeBytes(bytes)} in ${files} file${files === 1 ? '' : 's'}`)
  const read = await readLocalService(project, name)
  if (read.kind === 'unreadable') return { service: name, findings: [error('service.json', read.failure), size], bytes }
  const { spec, definition } = read
  const models = spec.models.map(model => checkModel(model, folder))
  const findings: Finding[] = [
    ok('service.json', `valid${definition.description ? `: ${definition.description}` : ''}`),
    checkAuth(definition),
    ...models.flatMap(model => model.findings),
    ...checkVersions(spec),
    ...checkMemory(models),
  ]
  // Loading would only say once more that the file of a model is no good.
  const isLoadable = !findings.some(({ level }) => level === 'error')
  if (isLoadable) findings.push(...(await checkLoaded(read, models)))
  findings.push(...checkScripts(spec, folder, await types), size)
  return { service: name, findings, bytes }
}

function checkAuth({ auth }: ServiceDefinition): Finding {
  if (auth.mode === 'none')
    return warning('auth', 'anybody may call it; remove "auth": {"mode": "none"} if it is not meant to be public')
  if (auth.mode === 'token')
    return ok('auth', `callers need a token of tenant ${auth.tenantId} with the role ${auth.role}`)
  return ok('auth', 'callers need one of its two keys')
}

function checkVersions({ version, versions, definition }: ServiceSpec): Finding[] {
  const newest = versions.at(-1)
  if (newest === undefined) return []
  const others = versions.filter(each => each !== version)
  if (version === newest || !definition.models)
    return [
      ok(
        'version',
        `${version} is served${others.length > 0 ? `; there ${others.length === 1 ? 'is' : 'are'} ${others.join(', ')} too` : ''}`,
      ),
    ]
  return [
    warning(
      'version',
      `${version ?? 'a model in no version'} is served, because service.json names it, and ${newest} is newer; remove "models" to serve the highest version`,
    ),
  ]
}

function checkMemory(models: readonly ModelCheck[]): Finding[] {
  const bytes = models.reduce((sum, model) => sum + model.bytes, 0)
  if (bytes < totalmem() / 2) return []
  return [
    warning(
      'memory',
      `the models have ${describeBytes(bytes)}, more than half of the memory of this machine (${describeBytes(totalmem())}); each worker holds them once, so set SCORING_MAX_THREADS to 1, or use a larger machine`,
    ),
  ]
}

/** Loads the service as the app does, and scores its sample. */
async function checkLoaded(
  read: ReadService & { kind: 'readable' },
  models: readonly ModelCheck[],
): Promise<Finding[]> {
  const log: string[] = []
  let service: LocalService
  try {
    service = await LocalService.load(read, line => log.push(line))
  } catch (failure) {
    if (!(failure instanceof ServiceLoadError)) throw failure
    return [error('load', failure.message)]
  }
  try {
    const { report } = service
    return [
      ...describeLoad(report, read.definition),
      ...(report.inputs.length > 0 ? [ok('inputs', report.inputs.map(describeTensor).join('; '))] : []),
      ...(report.optionalInputs?.length ? [ok('optional', report.optionalInputs.map(describeTensor).join('; '))] : []),
      ...(report.outputs.length > 0 ? [ok('outputs', report.outputs.map(describeTensor).join('; '))] : []),
      ...describeRows(report, read.spec, models),
      ...(report.stages ? [ok('stages', report.stages.join(', then '))] : []),
      ...checkBody(report, read.definition),
      await checkSample(service, read.spec, log),
      checkOpenApi(service, read),
    ]
  } finally {
    await service.stop()
  }
}

function describeLoad(report: LoadReport, { accelerator }: ServiceDefinition): Finding[] {
  const where = report.placements?.length
    ? report.placements.map(describePlacement).join('; ')
    : report.executionProvider
  const ahead = report.optimizedAhead?.length ? `, optimized ahead of time: ${report.optimizedAhead.join(', ')}` : ''
  const ms = Math.round(report.loadMs + report.warmUpMs)
  const limit = accelerator.onUnavailable === 'fail' ? ', and nowhere else' : ''
  return [
    ok('load', `ready after ${ms} ms on ${where}${limit}${ahead}`),
    ...report.notes.filter(note => !isAboutRows(note)).map(note => warning('load', note)),
  ]
}

/** Whether requests share runs, and for scripts what the proof says of each model: the owner may rely on that. */
function describeRows(report: LoadReport, spec: ServiceSpec, models: readonly ModelCheck[]): Finding[] {
  const proofs = models.flatMap(({ rowProof }, index) => {
    const name = spec.models[index]?.name
    if (!rowProof || !hasScript(spec)) return []
    if (rowProof.kind === 'independent')
      return [`the graph of model "${name}" shows that each answer depends on its own row alone`]
    return [`the graph of model "${name}" does not show that rows are independent: ${rowProof.reason}`]
  })
  return [ok('rows', [describeSharing(report), ...proofs].join('; '))]
}

/** A digit and a comma for each value are the least that JSON needs. */
function checkBody({ inputs }: LoadReport, { limits }: ServiceDefinition): Finding[] {
  const values = inputs.reduce((sum, { shape = [] }) => {
    return sum + shape.slice(1).reduce<number>((product, size) => product * (isOpen(size) ? 1 : Number(size)), 1)
  }, 0)
  if (values * 2 <= limits.maxBodyBytes) return []
  return [
    error(
      'limits',
      `a row has ${values} values, at least ${describeBytes(values * 2)} of JSON, and limits.maxBodyBytes is ${limits.maxBodyBytes}; set more`,
    ),
  ]
}

async function checkSample(
  service: LocalService,
  { sample, definition }: ServiceSpec,
  log: readonly string[],
): Promise<Finding> {
  const { report } = service
  const body = sample ?? (report.isSampleScored ? report.inputSample : undefined)
  if (body === undefined)
    return warning(
      'sample',
      'there is none, and no made-up request could be scored; write one to sample.json and name it in service.json: "schema": {"input": "sample.json"}',
    )
  const startedAt = performance.now()
  const answer = await service.score(Buffer.from(body), 'application/json')
  const ms = performance.now() - startedAt
  const name = sample === undefined ? 'a made-up request' : definition.schema.input
  if (answer.status >= 400) {
    const { code, message } = describeFailure(answer)
    const cause = log.map(line => /caused by: (.*)/.exec(line)?.[1]).findLast(Boolean)
    return error(
      'sample',
      `${name} is answered with ${answer.status} ${code}: ${cause ?? message}; correct it, or the script`,
    )
  }
  if (ms > definition.limits.timeoutMs / 2)
    return warning(
      'sample',
      `${name} takes ${Math.round(ms)} ms, and limits.timeoutMs is ${definition.limits.timeoutMs}; set more, or send fewer rows`,
    )
  const text = /json|text/.test(answer.contentType)
    ? shorten(readJson(answer), 160)
    : `${answer.body.length} bytes of ${answer.contentType}`
  const advice = sample === undefined ? ' (a sample.json of your own makes a better example)' : ''
  return ok('sample', `${name} is scored in ${ms.toFixed(1)} ms${advice}: ${text}`)
}

function checkOpenApi(service: LocalService, { documents, name }: ReadService & { kind: 'readable' }): Finding {
  const described = openApiVersions.filter(
    version => Object.hasOwn(documents, version) || describeService(service.service, service.report, version),
  )
  const own = Object.entries(documents).map(([version, text]) => ({ version, document: JSON.parse(text) }))
  const wrong = own.find(
    ({ version, document }) => !String(document.swagger ?? document.openapi ?? '').startsWith(version),
  )
  if (wrong) {
    const files = ownDocumentFiles[wrong.version as unknown as keyof typeof ownDocumentFiles].join(' or ')
    return error(
      'openapi',
      `${name}/${files} is no document of version ${wrong.version}; correct its "${wrong.version === '2' ? 'swagger' : 'openapi'}"`,
    )
  }
  const missing = openApiVersions.filter(version => !described.includes(version))
  const left = missing.length > 0 ? `; ${missing.join(', ')} cannot express its input or output` : ''
  const written = own.length > 0 ? `, of which its owner wrote ${own.map(({ version }) => version).join(', ')}` : ''
  return ok('openapi', `versions ${described.join(', ')}${written}${left}`)
}

function checkScripts({ entryScript, stages = [] }: ServiceSpec, folder: string, types: TypeCheck): Finding[] {
  const scripts = [
    ...(entryScript === undefined ? [] : [entryScript]),
    ...stages.flatMap(({ script }) => (script ? [script.path] : [])),
  ]
  return scripts.flatMap(path => {
    const name = posixPath(folder, path)
    if (!/\.[cm]?ts$/.test(name)) return [ok('script', `${name}; JavaScript, so no types are checked`)]
    if (types.kind === 'skipped') return [ok('script', `${name}; types are not checked: ${types.why}`)]
    const faults = types.faults.get(realPath(path)) ?? []
    if (faults.length > 0) return faults.map(fault => error('script', `${name}:${fault}`))
    if (!types.files.has(realPath(path)))
      return [
        warning(
          'script',
          `${name} is not among the files of tsconfig.json, so its types are not checked; add its folder to "include"`,
        ),
      ]
    return [ok('script', `${name}; its types are right`)]
  })
}

async function measureFolder(folder: string): Promise<{ files: number; bytes: number }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size))
  return { files: files.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}
