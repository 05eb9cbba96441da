/** The routes of batch jobs (design: batch jobs), each one function from request to answer. None of them ever throws. */
import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { StorageError } from '../../jobs/blob-store.ts'
import { hasEnded } from '../../jobs/job-state.ts'
import type { JobDesk, JobView } from '../../jobs/jobs.ts'
import { encode } from '../../tensor/python-json.ts'
import { allow, answerFailure, authorize, refuseTrailingSlash } from '../azureml/endpoints.ts'
import { decodeJsonBody } from '../azureml/input.ts'
import { encodeEmpty } from '../azureml/respond.ts'
import { compressAnswer } from '../http/content-encoding.ts'
import { corsHeaders } from '../http/cors.ts'
import { readBody } from '../http/read-body.ts'
import { readRequestIds } from '../http/request-ids.ts'
import { noSniff, type WireRequest, type WireResponse } from '../http/wire.ts'

/** What an answer is made from; asked for when the request has come so far. */
export interface JobsSource {
  /** @throws ScoringError SERVICE_UNKNOWN */
  find(): Promise<ScoringService>
  /** @returns undefined: the app has no storage, and so no jobs */
  desk(): Promise<JobDesk | undefined>
}

/** Rows inline are for small jobs; larger inputs are blobs. */
const maxSubmissionBytes = 2 ** 20
const defaultListed = 20
const maxListed = 100
/** When to ask again how a job is. */
const retryAfterSeconds = 5

type Headers = Record<string, string>
type Handler = (desk: JobDesk, service: ScoringService, headers: Headers) => Promise<WireResponse>

/** `…/jobs`: POST submits one, GET lists them, newest first. */
export function answerJobs(
  request: WireRequest,
  source: JobsSource,
  serverVersion: string | undefined,
): Promise<WireResponse> {
  const list: Handler = async (desk, { name }, headers) => {
    const { limit, marker } = pageOf(request.query)
    return answerJson(200, headers, await desk.list(name, limit, marker))
  }
  const submit: Handler = async (desk, service, headers) => {
    const { name } = service
    const contentType = request.headers.get('content-type') ?? undefined
    const account = service.openAccount()
    try {
      const body = await readBody(request, maxSubmissionBytes, account)
      const reading = { hasExactIntegers: true, takesTokens: true } // of rows that come inline
      const { parameters } = decodeJsonBody(body, contentType, reading)
      const job = await desk.submit(name, parameters, request.headers.get('idempotency-key') ?? undefined)
      return answerJob(hasEnded(job.status) ? 200 : 202, headers, name, job)
    } finally {
      account.held.release()
    }
  }
  return answer(request, source, serverVersion, { GET: list, HEAD: list, POST: submit })
}

/** `…/jobs/{jobId}`: GET tells how it is, DELETE cancels it. */
export function answerJobById(
  request: WireRequest,
  jobId: string,
  source: JobsSource,
  serverVersion: string | undefined,
): Promise<WireResponse> {
  const status: Handler = async (desk, { name }, headers) =>
    answerJob(200, headers, name, await desk.status(name, jobId))
  const cancel: Handler = async (desk, { name }, headers) => {
    const job = await desk.cancel(name, jobId)
    return answerJob(hasEnded(job.status) ? 200 : 202, headers, name, job)
  }
  return answer(request, source, serverVersion, { GET: status, HEAD: status, DELETE: cancel })
}

async function answer(
  request: WireRequest,
  source: JobsSource,
  serverVersion: string | undefined,
  handlers: Readonly<Record<string, Handler>>,
): Promise<WireResponse> {
  const { headers, fault } = readRequestIds(request.headers, serverVersion)
  let service: ScoringService | undefined
  try {
    refuseTrailingSlash(request)
    service = await source.find()
    const methods = [...Object.keys(handlers), 'OPTIONS']
    allow(request.method, methods)
    Object.assign(headers, corsHeaders(service.definition.cors, request, Object.keys(handlers)))
    if (fault) throw fault
    if (request.method === 'OPTIONS') return encodeEmpty({ ...headers, allow: methods.join(', ') })
    // Browsers keep these two from pages of other origins otherwise (Fetch, CORS-safelisted response-header name).
    if ('access-control-allow-origin' in headers) headers['access-control-expose-headers'] = 'Location, Retry-After'
    await authorize(service, request) // before the body is read
    const desk = await source.desk()
    if (!desk) throw new ScoringError('JOBS_UNAVAILABLE', 'This app has no storage, which batch jobs are kept in.')
    const response = await (handlers[request.method] as Handler)(desk, service, headers)
    return await compressAnswer(response, request.headers.get('accept-encoding'))
  } catch (failure) {
    return answerFailure(asUnavailable(failure), headers, service?.name)
  }
}

/** A storage that fails is no fault of ours, and passes. */
function asUnavailable(failure: unknown): unknown {
  if (!(failure instanceof StorageError)) return failure
  console.error(`[jobs] ${failure.message}`)
  const message = 'The storage of batch jobs does not answer as it should; try again later.'
  return new ScoringError('JOBS_UNAVAILABLE', message, { cause: failure })
}

function answerJob(status: number, headers: Headers, service: string, job: JobView): WireResponse {
  const location = `/api/v1/service/${service}/jobs/${job.jobId}`
  const retry: Headers = hasEnded(job.status) ? {} : { 'retry-after': String(retryAfterSeconds) }
  return answerJson(status, { ...headers, location, ...retry }, job)
}

function answerJson(status: number, headers: Headers, content: object): WireResponse {
  return { status, headers: { 'content-type': 'application/json', ...noSniff, ...headers }, body: encode(content) }
}

/** `?limit=` and `?marker=`; the first of each counts. */
function pageOf(query: WireRequest['query']): { limit: number; marker?: string } {
  const given = new Map<string, string>()
  for (const [name, value] of query.entries()) if (!given.has(name)) given.set(name, value)
  const limit = given.get('limit') ?? String(defaultListed)
  const marker = given.get('marker')
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > maxListed) {
    throw new ScoringError('JOB_INVALID', `limit: must be a whole number from 1 to ${maxListed}`)
  }
  return { limit: Number(limit), ...(marker === undefined ? {} : { marker }) }
}
