import type { CallOptions } from './caller.ts'
import type { JobOutput } from './job-output.ts'
import { decodeJson, encodeJson } from './json.ts'
import { readLines } from './read-lines.ts'
import { RequestError } from './request-error.ts'
import { decodeAnswer } from './scoring-answer.ts'
import { wait } from './wait.ts'
import type { Webservice } from './webservice.ts'

/** What is to be scored; guide/batch-jobs.md explains each member. */
export interface JobSubmission {
  /** Identifies the job within its service: the same id with the same content is the same job. Default: a new id. */
  readonly jobId?: string
  /**
   * A blob, `<container>/<path>`, or several by a pattern or a list; a URL with a shared access signature; or the rows themselves, up
   * to 1 MiB.
   */
  readonly input: InputForm &
    (
      | { readonly blob: string }
      | { readonly blobs: readonly string[] }
      | { readonly url: string }
      | { readonly rows: readonly unknown[] }
    )
  /** Where the results go, and in which form. */
  readonly output?: JobOutput
  /** Rows per chunk. */
  readonly miniBatchSize?: number
  /** Most failed rows; -1: any number. */
  readonly errorThreshold?: number
  /** Retries of a row after failures that it did not cause. */
  readonly maxRetries?: number
  /** Where a CloudEvent is sent when the job has ended. */
  readonly onCompleted?: { readonly queue: string } | { readonly url: string }
}

/** How the input is to be read. */
export interface InputForm {
  /** Default: by the extension of the blob, else JSON Lines. */
  readonly format?: 'csv' | 'jsonl' | 'json' | 'parquet'
  /** Whether it is compressed; default: by the extension `.gz`. */
  readonly isGzip?: boolean
  /** Whether the first line of a CSV holds names; default: yes, and a first line that looks like a row is refused. */
  readonly header?: boolean
  /** Columns of a table in the order of the model's input; with `header: false`, the names of all columns from left to right. */
  readonly columns?: readonly string[]
  /** What separates the cells of a CSV; default: a comma. */
  readonly delimiter?: string
  /** What stands around cells of a CSV; default: a double quote; '': nothing. */
  readonly quote?: string
  /** Texts of missing values in a CSV, besides those of pandas. */
  readonly na?: readonly string[]
}

/** A submission whose input is a file that is sent with it. */
export type FileSubmission = Omit<JobSubmission, 'input'> & { readonly input?: InputForm }

/** As Azure ML calls them. */
export type JobStatus =
  | 'NotStarted'
  | 'Running'
  | 'Finalizing'
  | 'Completed'
  | 'Failed'
  | 'CancelRequested'
  | 'Canceled'

/** A job as the service shows it. */
export interface JobDescription {
  /** The id of the submission, or the one that was made for it. */
  readonly jobId: string
  /** Its service. */
  readonly service?: string
  /** Where it stands. */
  readonly status: JobStatus
  /** How far it is. */
  readonly progress: {
    /** Rows of the input that are known so far. */
    readonly rows: number
    /** Rows that have a prediction. */
    readonly succeeded: number
    /** Rows that have an error. */
    readonly failed: number
    /** Parts into which the input was split so far. */
    readonly chunks: number
    /** Those whose rows are all scored. */
    readonly chunksDone: number
    /** 0 to 100, of the whole input. */
    readonly percent: number
    /** Only if the input has several. */
    readonly files?: number
    readonly filesDone?: number
  }
  /** ISO 8601, as the other times. */
  readonly createdAt: string
  /** When the input was first read. */
  readonly startedAt?: string
  /** When it completed, failed or was cancelled. */
  readonly endedAt?: string
  /** When a completed job ended. */
  readonly completedAt?: string
  /** On average since it started. */
  readonly rowsPerSecond?: number
  /** At this rate, until all rows are scored. */
  readonly remainingSeconds?: number
  /** Why a step had to be tried again last, while the job has not ended. */
  readonly lastError?: { readonly code: string; readonly message: string; readonly at: string }
  /** Whether the event of its end was sent. */
  readonly event?: {
    readonly attempts: number
    readonly deliveredAt?: string
    readonly isGivenUp?: boolean
    readonly lastError?: string
  }
  /** Where its results are, once it has completed. */
  readonly output?: {
    /** `<container>/<path>` */
    readonly blob: string
    /** `jsonl`, `csv` or `parquet`. */
    readonly format: string
    /** Whether it is compressed. */
    readonly isGzip?: boolean
    /** Columns of the input that were copied. */
    readonly include?: JobOutput['include']
    /** Outputs of the model, or members of what its script returns, that were written. */
    readonly columns?: readonly string[]
    /** The results so far of a job that failed or was cancelled: `<container>/<path>`. */
    readonly partial?: string
  }
  /** Why it failed, with a stable code. */
  readonly error?: { readonly code: string; readonly message: string }
}

/** The result of one row: its prediction, or why it has none. */
export type RowResult<Prediction = unknown> = {
  /** Number of the row in its file, from 0. */
  readonly index: number
  /** Its file, if the input has several: `<container>/<path>`. */
  readonly file?: string
  /** Columns of the input that the submission includes: texts of a CSV, values of JSON or Parquet; null where the row could not be read. */
  readonly columns?: Readonly<Record<string, unknown>>
} & (
  | { readonly prediction: Prediction; readonly error?: undefined }
  | { readonly prediction?: undefined; readonly error: { readonly code: string; readonly message: string } }
)

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
   * cancelled first. A job that does not exist counts as deleted.
   *
   * @throws RequestError JOB_NOT_CANCELLABLE while the results are being written
   */
  async delete(options: CallOptions = {}): Promise<void> {
    const remove = () =>
      this.service.caller.send(this.#path, { method: 'DELETE' }, options, ({ status }) => status !== 202)
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
