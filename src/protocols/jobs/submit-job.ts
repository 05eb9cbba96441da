/** How jobs are submitted over HTTP: as JSON that names the input, as the file itself, or as a form with the file. */
import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { JobView } from '../../jobs/output/job-view.ts'
import { invalidJob } from '../../jobs/requests/job-invalid.ts'
import type { JobService } from '../../jobs/requests/job-service.ts'
import { blockBytes, type StagedFile } from '../../jobs/requests/staged-file.ts'
import { isField, mergeSubmissions, readFields } from '../../jobs/requests/submission-fields.ts'
import type { InputFormat } from '../../jobs/spec.ts'
import { isJson, parseMediaType } from '../../scripts/media-type.ts'
import type { TraceContext } from '../../telemetry/trace-context.ts'
import { decodeJsonBody } from '../http/json-body.ts'
import { type BodyAccount, readBody } from '../http/read-body.ts'
import { streamBody } from '../http/stream-body.ts'
import type { WireRequest } from '../http/wire.ts'
import { readForm } from './read-form.ts'

interface Submitting {
  readonly jobs: JobService
  readonly service: ScoringService
  readonly request: WireRequest
  readonly account: BodyAccount
  readonly idempotencyKey: string | undefined
  readonly trace: TraceContext | undefined
}

/** Inline rows are for small jobs; larger inputs are files and blobs. */
const maxSubmissionBytes = 2 ** 20
const readingOfRows = { hasExactIntegers: true, takesNonFinite: true }

const formatOf: Readonly<Record<string, InputFormat | undefined>> = {
  'text/csv': 'csv',
  'application/csv': 'csv',
  'application/jsonl': 'jsonl',
  'application/x-jsonl': 'jsonl',
  'application/x-jsonlines': 'jsonl',
  'application/ndjson': 'jsonl',
  'application/x-ndjson': 'jsonl',
  'application/json': 'json',
  'application/vnd.apache.parquet': 'parquet',
  'application/x-parquet': 'parquet',
  'application/parquet': 'parquet',
}
const gzipTypes = new Set(['application/gzip', 'application/x-gzip'])

/** @throws ScoringError as `JobService.submit`, and for a body that cannot be read */
export async function submitJob(
  jobs: JobService,
  service: ScoringService,
  request: WireRequest,
  trace: TraceContext | undefined,
): Promise<JobView> {
  const account = service.openAccount()
  const idempotencyKey = request.headers.get('idempotency-key') ?? undefined
  const submitting: Submitting = { jobs, service, request, account, idempotencyKey, trace }
  try {
    const contentType = request.headers.get('content-type') ?? undefined
    if (parseMediaType(contentType) === 'multipart/form-data')
      return await submitForm(submitting, contentType as string)
    const fields = queryFields(request)
    const isFile = fields.some(([name]) => name === 'format' || name === 'input.format')
    return await (isJson(contentType) && !isFile ? submitJson : submitFile)(submitting, fields)
  } finally {
    account.held.release()
  }
}

type Field = readonly [name: string, value: string]

/** Without the key of Azure Functions, which some callers have to send. */
function queryFields({ query }: WireRequest): Field[] {
  return [...query.entries()].filter(([name]) => name !== 'code' && name !== 'clientId')
}

/** An object is a submission; a list is the file itself. */
async function submitJson(submitting: Submitting, fields: readonly Field[]): Promise<JobView> {
  const { jobs, service, request, account, idempotencyKey, trace } = submitting
  const body = await readBody(request, maxSubmissionBytes, account).catch(failure => {
    throw failure instanceof ScoringError && failure.code === 'BODY_TOO_LARGE' ? submissionTooLarge() : failure
  })
  if (/^\uFEFF?\s*\[/.test(Buffer.from(body.subarray(0, 100)).toString()))
    return submitContent(submitting, fields, { content: [body], usualFormat: 'json' })
  const { parameters } = decodeJsonBody(body, 'application/json', readingOfRows)
  const misplaced = fields.find(([name]) => isField(name))?.[0]
  if (misplaced !== undefined)
    throw invalidJob(`the query has "${misplaced}"; a submission in JSON has all its members in the body`)
  return jobs.submit(service.name, parameters, { idempotencyKey, trace })
}

function submissionTooLarge(): ScoringError {
  const advice = 'a list of rows that is larger is sent with ?format=json, or uploaded to a container'
  return new ScoringError('BODY_TOO_LARGE', `The submission is larger than ${maxSubmissionBytes} bytes; ${advice}.`)
}

/** The body is the file, and the query has the members of the submission. */
async function submitFile(submitting: Submitting, fields: readonly Field[]): Promise<JobView> {
  const { headers } = submitting.request
  const encoding = readContentEncoding(submitting.request)
  if (!['', 'identity', 'gzip', 'x-gzip'].includes(encoding))
    throw new ScoringError('CONTENT_ENCODING_UNSUPPORTED', 'Expects Content-Encoding to be gzip, or absent')
  const mediaType = parseMediaType(headers.get('content-type') ?? undefined)
  return submitContent(submitting, fields, {
    content: streamBody(submitting.request),
    announcedBytes: Number(headers.get('content-length')) || undefined,
    usualFormat: formatOf[mediaType],
    ...((encoding.endsWith('gzip') || gzipTypes.has(mediaType)) && { isGzip: true }),
    mediaType,
  })
}

function readContentEncoding({ headers }: WireRequest): string {
  return (headers.get('content-encoding') ?? '').trim().toLowerCase()
}

interface FileContent extends Pick<StagedFile, 'usualFormat' | 'isGzip'> {
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  readonly announcedBytes?: number | undefined
  readonly mediaType?: string
}

async function submitContent(
  { jobs, service, account, idempotencyKey, trace }: Submitting,
  fields: readonly Field[],
  { content, announcedBytes, mediaType, ...hints }: FileContent,
): Promise<JobView> {
  const name = fields.find(([field]) => field === 'name')?.[1]
  const submission = readFields(fields.filter(([field]) => field !== 'name'))
  const file = { ...hints, name }
  requireFormat(submission, file, mediaType)
  jobs.checkFile(service.name, submission, { idempotencyKey, file })
  account.held.resize(blockBytes)
  const staged = await jobs.stageFile(content, announcedBytes)
  return jobs.submit(service.name, submission, { idempotencyKey, trace, file: { ...staged, ...file } })
}

/** curl calls a file "application/x-www-form-urlencoded" if it is not told otherwise. */
function requireFormat(
  submission: Readonly<Record<string, unknown>>,
  { name, usualFormat }: Pick<StagedFile, 'name' | 'usualFormat'>,
  mediaType = '',
): void {
  const { format } = (submission.input ?? {}) as { format?: unknown }
  if (format !== undefined || usualFormat !== undefined || name !== undefined) return
  const received = mediaType === '' ? 'received none' : `received ${JSON.stringify(mediaType.slice(0, 80))}`
  throw new ScoringError(
    'CONTENT_TYPE_UNSUPPORTED',
    `Expects Content-Type to be application/json for a submission, or that of a file: text/csv, application/jsonl, application/vnd.apache.parquet; ${received}. The query ?format=csv (jsonl, json, parquet) says it as well.`,
  )
}

/** The file is the field `file`; `job` is a submission in JSON, and its members may also be fields of their own. */
async function submitForm(submitting: Submitting, contentType: string): Promise<JobView> {
  const { jobs, service, request, account, idempotencyKey, trace } = submitting
  if (!['', 'identity'].includes(readContentEncoding(request))) {
    const advice = 'a gzipped file is sent as it is, with a name that ends with .gz'
    throw new ScoringError('CONTENT_ENCODING_UNSUPPORTED', `Expects a form without Content-Encoding; ${advice}.`)
  }
  account.held.resize(blockBytes)
  let file: StagedFile | undefined
  const formFields = await readForm(contentType, streamBody(request), async ({ name, mediaType, content }) => {
    const usualFormat = formatOf[mediaType]
    const hints = { name, usualFormat, ...(gzipTypes.has(mediaType) && { isGzip: true }) }
    file = { ...(await jobs.stageFile(content)), ...hints }
  })
  if (!file) throw invalidJob('file: is missing; a form has the file in a field of this name')
  const [job, second] = formFields.filter(([name]) => name === 'job').map(([, value]) => value)
  if (second !== undefined) throw invalidJob('job: is given twice')
  const inJson = job === undefined ? {} : decodeJsonBody(Buffer.from(job), 'application/json', readingOfRows).parameters
  const inFields = readFields([...queryFields(request), ...formFields.filter(([name]) => name !== 'job')])
  return jobs.submit(service.name, mergeSubmissions(inJson, inFields), { idempotencyKey, trace, file })
}
