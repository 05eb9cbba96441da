/** The routes of batch jobs, each one function from request to answer. None of them ever throws. */
import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { StorageError } from '../../jobs/blob-store.ts'
import type { JobView } from '../../jobs/output/job-view.ts'
import type { JobService } from '../../jobs/requests/job-service.ts'
import { hasEnded } from '../../jobs/state.ts'
import type { TraceContext } from '../../telemetry/trace-context.ts'
import type { Span } from '../../telemetry/tracing.ts'
import { encode } from '../../tensor/python-json.ts'
import { allow, answerFailure, refuseTrailingSlash } from '../azureml/endpoints.ts'
import { encodeEmpty } from '../azureml/respond.ts'
import { authorize } from '../http/authorize.ts'
import { compressAnswer } from '../http/content-encoding.ts'
import { corsHeaders } from '../http/cors.ts'
import { readRequestIds } from '../http/request-ids.ts'
import { endRequestSpan, readRequestTrace, startRequestSpan } from '../http/request-span.ts'
import { unstored, type WireRequest, type WireResponse } from '../http/wire.ts'
import { readJobQuery } from './job-query.ts'

/** Finds what a request needs, once it is needed. */
export interface JobsSource {
  readonly serverVersion: string | undefined
  /** @throws ScoringError SERVICE_UNKNOWN */
  find(): Promise<ScoringService>
  /** @returns undefined when the app has no storage, and so no jobs */
  jobs(): Promise<JobRoutes | undefined>
}

/** What is loaded with the first job. */
export interface JobRoutes {
  readonly service: JobService
  /** @throws ScoringError */
  submitJob(service: ScoringService, request: WireRequest, trace: TraceContext | undefined): Promise<JobView>
}

/** Interval at which clients should poll the status of a job. */
const retryAfterSeconds = 5

type Headers = Record<string, string>
type Handler = (jobs: JobService, service: ScoringService, answer: Answering) => Promise<WireResponse>

interface Answering extends Pick<JobRoutes, 'submitJob'> {
  readonly headers: Headers
  /** undefined: the request is not traced. */
  readonly span: Span | undefined
}

/** `…/jobs`: POST submits one, GET lists them, newest first. */
export function answerJobs(request: WireRequest, source: JobsSource): Promise<WireResponse> {
  const list: Handler = async (jobs, { name }, { headers }) => {
    return answerJson(200, headers, await jobs.list(name, readJobQuery(request.query)))
  }
  const submit: Handler = async (_, service, { headers, span, submitJob }) => {
    const trace = span?.context ?? readRequestTrace(request)
    return answerJob(headers, service.name, await submitJob(service, request, trace))
  }
  return answer(request, source, { GET: list, HEAD: list, POST: submit })
}

/** `…/jobs/{jobId}`: GET shows its status; DELETE deletes one that has ended, and cancels any other. */
export function answerJobById(request: WireRequest, jobId: string, source: JobsSource): Promise<WireResponse> {
  const status: Handler = async (jobs, { name }, { headers }) => {
    const answer = answerJob(headers, name, await jobs.status(name, jobId))
    return { ...answer, status: 200 }
  }
  const remove: Handler = async (jobs, { name }, { headers }) => {
    const job = await jobs.delete(name, jobId)
    if (!job) return { status: 204, headers: { ...unstored, ...headers } }
    if (!job.isDeleted) return answerJob(headers, name, job)
    return answerJson(202, { ...headers, 'retry-after': String(retryAfterSeconds) }, job)
  }
  return answer(request, source, { GET: status, HEAD: status, DELETE: remove })
}

/** `…/jobs/{jobId}/cancel`: POST cancels a job, and never deletes one that has just ended. */
export function answerJobCancel(request: WireRequest, jobId: string, source: JobsSource): Promise<WireResponse> {
  const cancel: Handler = async (jobs, { name }, { headers }) =>
    answerJob(headers, name, await jobs.cancel(name, jobId))
  return answer(request, source, { POST: cancel })
}

const mediaTypes: Readonly<Record<string, string>> = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/jsonl',
  parquet: 'application/vnd.apache.parquet', // as registered with IANA
}

/** `…/jobs/{jobId}/output`: GET streams the lines of a completed job, so that callers need no right on the storage. */
export function answerJobOutput(request: WireRequest, jobId: string, source: JobsSource): Promise<WireResponse> {
  const read: Handler = async (jobs, { name }, { headers }) => {
    const output = await jobs.output(name, jobId)
    const type = output.isGzip ? 'application/gzip' : mediaTypes[output.format]
    const file = `attachment; filename="${jobId}.${output.format}${output.isGzip ? '.gz' : ''}"`
    return {
      status: 200,
      headers: {
        ...{
          'content-type': type ?? 'application/octet-stream',
          'content-length': String(output.bytes),
          'content-disposition': file,
        },
        ...unstored,
        ...headers,
      },
      ...(request.method === 'GET' && { body: ReadableStream.from(output.read()) as ReadableStream<Uint8Array> }),
    }
  }
  return answer(request, source, { GET: read, HEAD: read })
}

async function answer(
  request: WireRequest,
  source: JobsSource,
  handlers: Readonly<Record<string, Handler>>,
): Promise<WireResponse> {
  const startedAt = performance.now()
  const { headers, fault } = readRequestIds(request.headers, source.serverVersion)
  let service: ScoringService | undefined
  let span: Span | undefined
  let response: WireResponse
  try {
    refuseTrailingSlash(request)
    service = await source.find()
    span = startRequestSpan(service, request, { startedAt })
    response = await handle(request, { service, source, handlers, answering: { headers, span }, fault })
  } catch (failure) {
    response = answerFailure(asUnavailable(failure), headers, service?.name)
  }
  if (span) endRequestSpan(span, response, headers['x-request-id'])
  return response
}

interface Handling {
  readonly service: ScoringService
  readonly source: JobsSource
  readonly handlers: Readonly<Record<string, Handler>>
  readonly answering: Omit<Answering, 'submitJob'>
  readonly fault: ScoringError | undefined
}

/** @throws ScoringError, StorageError */
async function handle(
  request: WireRequest,
  { service, source, handlers, answering, fault }: Handling,
): Promise<WireResponse> {
  const { headers } = answering
  const methods = [...Object.keys(handlers), 'OPTIONS']
  allow(request.method, methods)
  Object.assign(headers, corsHeaders(service.definition.cors, request, Object.keys(handlers)))
  if (fault) throw fault
  if (request.method === 'OPTIONS') return encodeEmpty({ ...headers, allow: methods.join(', ') })
  // Browsers hide these two from other origins by default (Fetch, CORS-safelisted response-header name).
  if ('access-control-allow-origin' in headers) headers['access-control-expose-headers'] = 'Location, Retry-After'
  await authorize(service, request) // before the body is read
  const jobs = await source.jobs()
  if (!jobs) throw new ScoringError('JOBS_UNAVAILABLE', 'Batch jobs need storage: AzureWebJobsStorage is not set.')
  const { submitJob } = jobs
  const response = await (handlers[request.method] as Handler)(jobs.service, service, { ...answering, submitJob })
  return compressAnswer(response, request.headers.get('accept-encoding'))
}

/** A failure of the storage is temporary: 503 instead of 500. */
function asUnavailable(failure: unknown): unknown {
  if (!(failure instanceof StorageError)) return failure
  console.error(`[jobs] ${failure.message}`)
  const message = 'The storage of batch jobs is temporarily unavailable; try again later.'
  return new ScoringError('JOBS_UNAVAILABLE', message, { cause: failure })
}

/** 202 until the job has ended. */
function answerJob(headers: Headers, service: string, job: JobView): WireResponse {
  const location = `/api/v1/service/${service}/jobs/${job.jobId}`
  if (hasEnded(job.status)) return answerJson(200, { ...headers, location }, job)
  return answerJson(202, { ...headers, location, 'retry-after': String(retryAfterSeconds) }, job)
}

function answerJson(status: number, headers: Headers, content: object): WireResponse {
  return { status, headers: { 'content-type': 'application/json', ...unstored, ...headers }, body: encode(content) }
}
