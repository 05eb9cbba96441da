import { createWriteStream, existsSync, openAsBlob, statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import {
  BatchJob,
  type FileSubmission,
  type InputForm,
  type JobDescription,
  JobError,
  type JobStatus,
} from '../../client/index.ts'
import { StartupError } from '../../errors.ts'
import { StorageError } from '../../jobs/blob-store.ts'
import { formatTable, onOneLine, openTerminal } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'
import { describeJobs } from './job-list.ts'
import { isServiceAlone, openService, openWorkspace, printJson, type WorkspaceOptions } from './open.ts'
import { JobProgress } from './progress.ts'

export interface SubmitOptions extends WorkspaceOptions {
  readonly blob?: string
  readonly inputUrl?: string
  readonly id?: string
  readonly output?: string
  readonly format?: 'jsonl' | 'csv' | 'parquet'
  readonly overwrite?: boolean
  readonly summaryOnly?: boolean
  readonly columns?: string
  readonly delimiter?: string
  readonly quote?: string
  readonly na?: string
  readonly decimal?: '.' | ','
  readonly thousands?: ',' | '.' | ' ' | "'" | '_'
  readonly include?: string
  readonly outputColumns?: string
  readonly header?: boolean
  readonly miniBatchSize?: number
  readonly errorThreshold?: number
  readonly maxRetries?: number
  readonly watch?: boolean
}

/** @returns whether the job has not failed */
export async function submitJob(name: string, file: string | undefined, options: SubmitOptions): Promise<boolean> {
  const given = [file, options.blob, options.inputUrl].filter(each => each !== undefined)
  if (given.length !== 1) throw new UsageError('give one input: a file, --blob <container>/<path>, or --input-url')
  const service = await openService(name, options)
  const others = readSubmission(options)
  const form = readForm(options)
  const input = await findInput(file, options)
  const job = await ('file' in input
    ? BatchJob.submitFile(service, await openAsBlob(input.file), { ...others, input: form }, sending(input.file))
    : BatchJob.submit(service, { ...others, input: { ...input, ...form } }))
  if (options.watch) return follow(job, options)
  if (options.json) printJson(await job.status())
  else console.log(job.jobId)
  if (!options.json) console.error(`Watch it: npx scoring jobs watch ${name} ${job.jobId}`)
  return true
}

/** The members of a submission that were given, without its input. */
function readSubmission(options: SubmitOptions): Omit<FileSubmission, 'input'> {
  const { id: jobId, miniBatchSize, errorThreshold, maxRetries } = options
  const output = readOutput(options)
  return {
    ...(jobId !== undefined && { jobId }),
    ...(Object.keys(output).length > 0 && { output }),
    ...(miniBatchSize !== undefined && { miniBatchSize }),
    ...(errorThreshold !== undefined && { errorThreshold }),
    ...(maxRetries !== undefined && { maxRetries }),
  }
}

function readOutput({ output: blob, format, include, outputColumns, overwrite, summaryOnly }: SubmitOptions) {
  return {
    ...(blob !== undefined && { blob }),
    ...(format !== undefined && { format }),
    ...(include !== undefined && { include: include === 'all' ? ('all' as const) : include.split(',') }),
    ...(outputColumns !== undefined && { columns: outputColumns.split(',') }),
    ...(overwrite && { overwrite: true }),
    ...(summaryOnly && { action: 'summary_only' as const }),
  }
}

/** How the input is to be read. */
function readForm({ columns, header, delimiter, quote, na, decimal, thousands }: SubmitOptions): InputForm {
  return {
    ...(columns !== undefined && { columns: columns.split(',') }),
    ...(header === false && { header }),
    ...(delimiter !== undefined && { delimiter: delimiter === '\\t' ? '\t' : delimiter }),
    ...(quote !== undefined && { quote }),
    ...(na !== undefined && { na: na.split(',') }),
    ...(decimal !== undefined && { decimal }),
    ...(thousands !== undefined && { thousands }),
  }
}

/** A slow line takes minutes for the largest file. */
const sending = (file: string) => ({ name: basename(file), timeoutMs: 1_800_000 })

type Input = { readonly blob: string } | { readonly url: string } | { readonly file: string }

/** @returns `file`: it is sent with the submission, because the caller has no right on the storage, or knows only the app */
async function findInput(file: string | undefined, options: SubmitOptions): Promise<Input> {
  if (options.inputUrl !== undefined) return { url: options.inputUrl }
  if (file === undefined) return { blob: options.blob as string }
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) throw new UsageError(`${file} is no file`)
  if (isServiceAlone(options)) return { file }
  try {
    return { blob: await (await openWorkspace(options)).store.uploadInput(file) }
  } catch (failure) {
    if (!(failure instanceof StorageError && noRight.has(failure.code))) throw failure
    console.error('You may not write to the container input, so the file is sent to the app.')
    return { file }
  }
}

/** Codes of the storage, and of Azure's credentials. */
const noRight = new Set([
  ...['AuthenticationFailed', 'AuthorizationFailure', 'AuthorizationPermissionMismatch'],
  ...['AuthenticationRequiredError', 'CredentialUnavailableError'],
])

export interface ListOptions extends WorkspaceOptions {
  readonly limit: number
  readonly status?: string
  readonly since?: string
}

export async function listJobs(name: string, options: ListOptions): Promise<void> {
  const { status } = options
  const since = options.since === undefined ? undefined : readTime(options.since)
  // The service refuses names that it does not know.
  const statuses = status?.split(',') as JobStatus[] | undefined
  const jobs: JobDescription[] = []
  for await (const job of BatchJob.list(await openService(name, options), { statuses, since })) {
    jobs.push(job)
    if (jobs.length === options.limit) break
  }
  if (options.json) return printJson(jobs)
  if (jobs.length === 0) return console.error(`${name} has no ${(status ?? since) ? 'such ' : ''}jobs`)
  console.log(describeJobs(jobs, openTerminal()))
}

/** Without an offset it is UTC, as in the list. */
function readTime(text: string): Date {
  const [, day, time, offset] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? []
  const date = new Date(time === undefined ? String(day) : `${day}T${time}${offset ?? 'Z'}`)
  if (!Number.isNaN(date.getTime())) return date
  throw new UsageError(`--since is no time: ${text}; write e.g. 2026-11-28 or "2026-11-28 14:30" (UTC)`)
}

export async function showJob(name: string, jobId: string, options: WorkspaceOptions): Promise<void> {
  printJob(await new BatchJob(await openService(name, options), jobId).status(), options)
}

/** @returns whether the job has completed */
export async function watchJob(name: string, jobId: string, options: WorkspaceOptions): Promise<boolean> {
  return follow(new BatchJob(await openService(name, options), jobId), options)
}

export async function cancelJob(name: string, jobId: string, options: WorkspaceOptions): Promise<void> {
  const job = await new BatchJob(await openService(name, options), jobId).cancel()
  if (options.json) printJson(job)
  else console.log(job.status)
}

/** A job that has not ended is cancelled first. */
export async function deleteJob(name: string, jobId: string, options: WorkspaceOptions): Promise<void> {
  const job = new BatchJob(await openService(name, options), jobId)
  await job.status() // a job that does not exist is a mistyped id here
  await job.delete()
  if (options.json) printJson({ jobId, isDeleted: true })
  else console.log('Deleted')
}

/** Prints the results as they are, to be read by a program. */
export async function printResults(name: string, jobId: string, options: WorkspaceOptions): Promise<void> {
  const job = new BatchJob(await openService(name, options), jobId)
  const lines = Readable.fromWeb((await job.download()) as ReadableStream<Uint8Array>)
  try {
    await pipeline(lines, process.stdout, { end: false })
  } catch (failure) {
    // `| head` reads no further.
    if (!['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((failure as NodeJS.ErrnoException).code ?? '')) throw failure
  }
}

export interface DownloadOptions extends WorkspaceOptions {
  readonly out?: string
  readonly force?: boolean
}

export async function downloadResults(name: string, jobId: string, options: DownloadOptions): Promise<void> {
  const job = new BatchJob(await openService(name, options), jobId)
  const { output } = await job.status()
  const out = options.out ?? `${jobId}.${output?.format ?? 'jsonl'}${output?.isGzip ? '.gz' : ''}`
  if (existsSync(out) && !options.force)
    throw new StartupError(`${out} exists; name another file with --out, or give --force`)
  const stream = await job.download()
  const partial = `${out}.part`
  try {
    await pipeline(Readable.fromWeb(stream as ReadableStream<Uint8Array>), createWriteStream(partial))
    await rename(partial, out)
  } catch (failure) {
    await rm(partial, { force: true })
    throw failure
  }
  if (options.json) printJson({ jobId, file: out })
  else console.log(out)
}

/** Shows the progress until the job has ended. Ctrl+C ends the command, and not the job. */
async function follow(job: BatchJob, options: WorkspaceOptions): Promise<boolean> {
  const progress = new JobProgress({ stream: process.stderr, environment: process.env, now: () => performance.now() })
  const onInterrupt = () => {
    progress.end()
    console.error(`The job goes on: npx scoring jobs watch ${job.service.name} ${job.jobId}`)
    process.exit(130)
  }
  process.once('SIGINT', onInterrupt)
  try {
    const done = await job.wait({ onProgress: each => progress.update(each) })
    progress.end()
    printJob(done, options)
    return true
  } catch (failure) {
    progress.end()
    if (!(failure instanceof JobError)) throw failure
    printJob(failure.job, options)
    return false
  } finally {
    process.off('SIGINT', onInterrupt)
  }
}

function printJob(job: JobDescription, { json }: WorkspaceOptions): void {
  if (json) return printJson(job)
  const terminal = openTerminal()
  const { rows, succeeded, failed, percent } = job.progress
  const lines = [
    ['job', terminal.paint('bold', job.jobId)],
    ['status', `${job.status}, ${Math.floor(percent)}%`],
    ['rows', `${rows}: ${succeeded} succeeded, ${failed} failed`],
    ['submitted', job.createdAt],
    ['ended', job.endedAt ?? ''],
    ['speed', describeSpeed(job)],
    ['output', job.output?.blob ?? ''],
    ['error', describeError(job.error)],
    ['last error', describeError(job.lastError)],
  ].filter(([, value]) => value)
  console.log(formatTable(lines as string[][], terminal, { columns: [{}, { overflow: 'wrap' }] }))
}

function describeSpeed({ rowsPerSecond, remainingSeconds }: JobDescription): string {
  if (rowsPerSecond === undefined) return ''
  const left = remainingSeconds === undefined ? '' : `, about ${remainingSeconds} s left`
  return `${rowsPerSecond} rows/s${left}`
}

function describeError(error: JobDescription['error']): string {
  return error ? `${onOneLine(error.message)} (${error.code})` : ''
}
