import type { CallOptions } from './caller.ts'
import type { JobDescription, JobStatus, RowResult } from './job-description.ts'
import type { FileSubmission, JobSubmission } from './job-submission.ts'
import { decodeJson, encodeJson } from './json.ts'
import { readLines } from './read-lines.ts'
import { RequestError } from './request-error.ts'
import { decodeAnswer } from './scoring-answer.ts'
import { wait } from './wait.ts'
import type { Webservice } from './webservice.ts'

/** How a job is waited for. */
export interface WaitOptions {
  /** Ends the waiting, not the job. */
  readonly signal?: AbortSignal | undefined
  /** Most milliseconds to wait; absent: until the job has ended. */
  readonly timeoutMs?: number | undefined
  /** Called with each state of the job that is seen. */
  readonly onProgress?: ((job: JobDescription) => void) | undefined
}

/** Which jobs are listed. */
export interface JobFilter {
  /** Absent: any status. */
  readonly statuses?: readonly JobStatus[] | undefined
  /** Jobs that were created then or later. */
  readonly since?: Date | undefined
}

const ended: ReadonlySet<JobStatus> = new Set(['Completed', 'Failed', 'Canceled'])
/** Small jobs end in less than a second, so the first questions come soon. */
const firstPollMs = 200
const maxPollMs = 5000

/** A job that did not end as `Completed`. */
export class JobError extends Error {
  override readonly name = 'JobError'
  /** The job as it ended. */
  readonly job: JobDescription

  constructor(job: JobDescription) {
    const why = job.error ? `: ${job.error.message} (${job.error.code})` : ''
    super(`job ${job.jobId} is ${job.status}${why}`)
    this.job = job
  }
}

/** A batch job of a service: a file of any size is scored, and each row appears once and in order in the output. */
export class BatchJob {
  /** The service that scores its rows. */
  readonly service: Webservice
  /** Its id within the service. */
  readonly jobId: string

  /** A job that was submitted before. */
  constructor(service: Webservice, jobId: string) {
    this.service = service
    this.jobId = jobId
  }

  /**
   * Submits a job. To submit the same content with the same `jobId` again gives the same job, so that a lost answer does no harm.
   *
   * @throws RequestError e.g. JOB_INVALID, JOB_INPUT_MISSING, JOB_ID_TAKEN
   */
  static async submit(service: Webservice, submission: JobSubmission, options: CallOptions = {}): Promise<BatchJob> {
    // A try that is repeated must not become a second job.
    const { jobId = `job-${crypto.randomUUID()}`, ...rest } = submission
    const body = encodeJson({ jobId, ...rest })
    const headers = { 'content-type': 'application/json' }
    const job = await service.caller.send('/jobs', { method: 'POST', headers, body }, options, readJob)
    return new BatchJob(service, job.jobId)
  }

  /**
   * Sends a file with its submission, for callers without a right on the storage of the app. Up to 100 MiB; larger ones are uploaded
   * to a container.
   *
   * @param file  a `File`, whose name tells the format, or a `Blob`; on Node.js e.g. `await openAsBlob(path)`
   * @param options  `name`, e.g. `customers.csv`, for a `Blob` without a name
   * @throws RequestError e.g. JOB_INVALID, JOB_INPUT_TOO_LARGE, JOB_ID_TAKEN
   */
  static async submitFile(
    service: Webservice,
    file: Blob,
    submission: FileSubmission = {},
    { name, ...options }: CallOptions & { readonly name?: string | undefined } = {},
  ): Promise<BatchJob> {
    const { jobId = `job-${crypto.randomUUID()}`, ...rest } = submission
    const body = new FormData()
    body.append('job', encodeJson({ jobId, ...rest }))
    const fileName = name ?? (file instanceof File ? file.name : undefined)
    if (fileName === undefined) throw new TypeError('submitFile: a Blob needs a name, e.g. { name: "customers.csv" }')
    body.append('file', file, fileName)
    const job = await service.caller.send('/jobs', { method: 'POST', body }, options, readJob)
    return new BatchJob(service, job.jobId)
  }

  /** Lists the jobs of a service, newest first. */
  static async *list(
    service: Webservice,
    { statuses, since, ...options }: CallOptions & JobFilter = {},
  ): AsyncGenerator<JobDescription> {
    const filter = {
      ...(statuses && { status: statuses.join(',') }),
      ...(since !== undefined && { since: since.toISOString() }),
    }
    let marker: string | undefined
    do {
      const query = new URLSearchParams({ limit: '100', ...filter, ...(marker !== undefined && { marker }) })
      const page = await service.caller.send(`/jobs?${query}`, { method: 'GET' }, options, response =>
        readMember<{ jobs: JobDescription[]; nextMarker?: string }>(response, 'jobs'),
      )
      yield* page.jobs
      marker = page.nextMarker
    } while (marker !== undefined)
  }

  /** Reads where the job stands. @throws RequestError JOB_UNKNOWN */
  status(options: CallOptions = {}): Promise<JobDescription> {
    return this.#call('GET', options)
  }

  /** Asks the job to stop; `wait` tells when it has. @throws RequestError JOB_NOT_CANCELLABLE */
  cancel(options: CallOptions = {}): Promise<JobDescription> {
    return this.#call('POST', options, '/cancel')
  }

  /**
   * Deletes the job and its files, also its results if the submission named no other place for them. A job that has not ended is
   * cancelled first. A job that does not exist counts as deleted. Very many files are removed within minutes, for which it does not wait.
   *
   * @throws RequestError JOB_NOT_CANCELLABLE while the results are being written
   */
  async delete(options: CallOptions = {}): Promise<void> {
    const isGone = async (response: Response) => response.status !== 202 || (await readJob(response)).isDeleted === true
    const remove = () => this.service.caller.send(this.#path, { method: 'DELETE' }, options, isGone)
    while (!(await remove())) {
      await this.wait(options).catch(failure => {
        if (!(failure instanceof JobError)) throw failure
      })
    }
  }

  /**
   * Waits until the job has ended.
   *
   * @returns the completed job
   * @throws JobError when it failed or was cancelled; RequestError when it has not ended in time
   */
  async wait({ signal, timeoutMs, onProgress }: WaitOptions = {}): Promise<JobDescription> {
    const startedAt = performance.now()
    for (let pollMs = firstPollMs; ; pollMs = Math.min(maxPollMs, pollMs * 1.5)) {
      const job = await this.status({ signal })
      onProgress?.(job)
      if (job.status === 'Completed') return job
      if (ended.has(job.status)) throw new JobError(job)
      if (timeoutMs !== undefined && performance.now() - startedAt + pollMs > timeoutMs)
        throw new RequestError(`job ${this.jobId} is ${job.status} after ${timeoutMs} ms; it goes on`)
      await wait(pollMs, signal)
    }
  }

  /**
   * Reads the results of a completed job, row by row and in order, however many there are.
   *
   * @throws JobError when it failed or was cancelled; RequestError JOB_NOT_COMPLETED when it has not ended
   */
  async *results<Prediction = unknown>(
    options: Pick<CallOptions, 'signal'> = {},
  ): AsyncGenerator<RowResult<Prediction>> {
    const { output } = await this.status(options)
    if (output && (output.format !== 'jsonl' || output.isGzip)) {
      const what = `${output.format}${output.isGzip ? ', gzipped' : ''}`
      throw new TypeError(`the results of job ${this.jobId} are ${what}; read them with download()`)
    }
    for await (const line of readLines(await this.download(options)))
      if (line !== '') yield decodeJson(line) as RowResult<Prediction>
  }

  /**
   * Streams the file of results as it is.
   *
   * @throws JobError when the job failed or was cancelled; RequestError JOB_NOT_COMPLETED when it has not ended
   */
  async download({ signal }: Pick<CallOptions, 'signal'> = {}): Promise<ReadableStream<Uint8Array>> {
    const path = `${this.#path}/output`
    try {
      return await this.service.caller.send(path, { method: 'GET' }, { signal }, ({ body }) => body ?? emptyStream())
    } catch (failure) {
      if (!(failure instanceof RequestError) || failure.code !== 'JOB_NOT_COMPLETED') throw failure
      const job = await this.status({ signal })
      throw ended.has(job.status) && job.status !== 'Completed' ? new JobError(job) : failure
    }
  }

  get #path(): string {
    return `/jobs/${encodeURIComponent(this.jobId)}`
  }

  #call(method: string, options: CallOptions, action = ''): Promise<JobDescription> {
    return this.service.caller.send(this.#path + action, { method }, options, readJob)
  }
}

const readJob = (response: Response) => readMember<JobDescription>(response, 'status')

/** @throws RequestError when the answer has no such member, so that it comes from something else than a service */
async function readMember<Answer>(response: Response, name: keyof Answer & string): Promise<Answer> {
  const answer = await decodeAnswer(response)
  if (typeof answer === 'object' && answer !== null && Object.hasOwn(answer, name)) return answer as Answer
  const message = `${response.url} has answered without "${name}": it is no service of Scoring Functions`
  throw new RequestError(message, { status: response.status })
}

const emptyStream = (): ReadableStream<Uint8Array> => new ReadableStream({ start: controller => controller.close() })
