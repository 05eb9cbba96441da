import { fstatSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { tensorInputs } from '../../jobs/formats/row-form.ts'
import { LocalService, readLocalService } from '../local-service.ts'
import { openProject, type Project, type ProjectOptions } from '../project.ts'
import { listServiceNames } from '../service-names.ts'
import { unreadableFile } from '../system-error.ts'
import { cutText, onOneLine, openTerminal } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'
import { AnswerPrinter } from './answer-printer.ts'
import { detectContentType } from './content-type.ts'
import { type RowTypes, readCsv, readRow } from './row-text.ts'
import { type Bodies, chooseBodies, scoreRows } from './score-rows.ts'
import { findKey, RemoteService, scoreUrl, type Target } from './target.ts'

export interface ScoreOptions extends ProjectOptions {
  readonly row?: readonly string[]
  readonly csv?: string
  readonly header: boolean
  readonly url?: string
  readonly json?: boolean
  readonly time?: boolean
}

/** What is scored. */
type Input =
  | { readonly kind: 'body'; readonly bytes: Buffer; readonly contentType: string }
  | { readonly kind: 'rows'; readonly rows: readonly string[] }
  | { readonly kind: 'csv'; readonly path: string }
  | { readonly kind: 'sample' }

/** Rows of a request, if the service takes as many. */
const mostRows = 1000

/**
 * Scores what the user gives, and prints the answer: a table in a terminal, else JSON.
 *
 * @returns whether everything could be scored
 * @throws UsageError, StartupError or ServiceLoadError
 */
export async function scoreService(name: string, file: string | undefined, options: ScoreOptions): Promise<boolean> {
  const url = options.url === undefined ? undefined : scoreUrl(options.url, name)
  const project = url ? projectIfAny(options) : openProject(options)
  const input = await readInput(file, options)
  const startedAt = performance.now()
  const { target, service, sample } = await openTarget(name, { url, project, input })
  try {
    const loadedAt = performance.now()
    const bodies = chooseBodies(service?.report)
    const printer = new AnswerPrinter(name, options.json === true)
    const types: RowTypes = {
      inputs: service && tensorInputs(service.report),
      names: service?.definition.input.columns,
      missing: service?.definition.missing ?? 'nan',
    }
    let isGood: boolean
    if (input.kind === 'csv') {
      const maxRows = Math.min(mostRows, service?.definition.limits.maxRows ?? mostRows)
      isGood = await scoreCsv(input.path, { ...types, header: options.header }, { target, bodies, maxRows, printer })
    } else {
      const body = await makeBody(input, { bodies, types, sample, name })
      isGood = printer.printAnswer(await target.score(body.bytes, body.contentType))
    }
    if (options.time) {
      const ms = (performance.now() - loadedAt).toFixed(1)
      const load = url ? '' : `load ${Math.round(loadedAt - startedAt)} ms, `
      console.error(`${load}score ${ms} ms`)
    }
    return isGood
  } finally {
    await target.stop()
    await service?.stop()
  }
}

function projectIfAny(options: ProjectOptions): Project | undefined {
  try {
    return openProject(options)
  } catch (failure) {
    if (failure instanceof UsageError && options.app === undefined && options.models === undefined) return undefined
    throw failure
  }
}

async function readInput(file: string | undefined, { row = [], csv }: ScoreOptions): Promise<Input> {
  const given = [
    ...(file === undefined ? [] : [`the file ${file}`]),
    ...(row.length > 0 ? ['--row'] : []),
    ...(csv === undefined ? [] : ['--csv']),
  ]
  if (given.length > 1) throw new UsageError(`give one of ${given.join(' and ')}`)
  if (row.length > 0) return { kind: 'rows', rows: row }
  if (csv !== undefined) return { kind: 'csv', path: csv }
  if (file !== undefined && file !== '-') {
    if (/\.csv(\.gz)?$/i.test(file)) return { kind: 'csv', path: file }
    const bytes = await readBody(file)
    return { kind: 'body', bytes, contentType: detectContentType(bytes) }
  }
  if (file === '-' || isPiped()) {
    const bytes = await buffer(process.stdin)
    if (bytes.length > 0) return { kind: 'body', bytes, contentType: detectContentType(bytes) }
    if (file === '-') throw new UsageError('standard input is empty; send a request body, such as {"data": [[1, 2]]}')
  }
  return { kind: 'sample' }
}

async function readBody(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw unreadableFile(path, cause)
  }
}

/** Whether standard input is a pipe, which Node.js makes a socket, or a file; a terminal never ends. */
function isPiped(): boolean {
  try {
    const stats = fstatSync(0)
    return stats.isFIFO() || stats.isFile() || stats.isSocket()
  } catch {
    return false
  }
}

interface OpenTarget {
  readonly target: Target
  /** The service in this process; undefined where an app is asked that this project does not have. */
  readonly service: LocalService | undefined
  /** Text of the sample in its folder. */
  readonly sample: string | undefined
}

async function openTarget(
  name: string,
  { url, project, input }: { url: URL | undefined; project: Project | undefined; input: Input },
): Promise<OpenTarget> {
  if (!url) {
    const own = project as Project
    await listServiceNames(own.modelsDir, [name])
    const service = await LocalService.load(await readLocalService(own, name))
    return { target: service, service, sample: service.report.inputSample }
  }
  const target = new RemoteService(url, await findKey(project, name, url))
  const read = project && (await readLocalService(project, name))
  if (read?.kind !== 'readable') return { target, service: undefined, sample: undefined }
  // Names and types of columns are those of the service in this project, if it has that too.
  const needsTypes = input.kind === 'rows' || input.kind === 'csv' || (input.kind === 'sample' && !read.spec.sample)
  const service = needsTypes ? await LocalService.load(read) : undefined
  return { target, service, sample: read.spec.sample ?? service?.report.inputSample }
}

async function makeBody(
  input: Exclude<Input, { kind: 'csv' }>,
  { bodies, types, sample, name }: { bodies: Bodies; types: RowTypes; sample: string | undefined; name: string },
): Promise<{ bytes: Buffer; contentType: string }> {
  if (input.kind === 'body') return input
  const contentType = 'application/json'
  if (input.kind === 'rows') {
    const rows: string[] = []
    for (const row of input.rows) rows.push(await readRow(row, types))
    return { bytes: Buffer.from(bodies.encodeBody(rows)), contentType }
  }
  if (sample === undefined)
    throw new UsageError(
      `service "${name}" has no sample here; give a file, --row or --csv (see "npx scoring score --help")`,
    )
  if (process.stdout.isTTY)
    console.error(`${cutText(`sample of ${name}: ${onOneLine(sample).trim()}`, openTerminal(process.stderr).width)}\n`)
  return { bytes: Buffer.from(sample), contentType }
}

interface CsvTools {
  readonly target: Target
  readonly bodies: Bodies
  readonly maxRows: number
  readonly printer: AnswerPrinter
}

/** The file is read, scored and printed a part at a time. */
async function scoreCsv(
  path: string,
  options: RowTypes & { readonly header: boolean },
  { printer, ...tools }: CsvTools,
): Promise<boolean> {
  for await (const rows of readCsv(path, options)) {
    if (!(await printer.printRows(await scoreRows(rows, tools)))) break
  }
  return printer.endRows()
}
