import type { Clock } from '../../clock.ts'
import { ScoringError } from '../../errors.ts'
import type { TraceContext } from '../../telemetry/trace-context.ts'
import { jobFolder, messageFolder, parseBlobReference, uploadBlob } from '../layout.ts'
import { jobMessage } from '../message-queues.ts'
import { deletedView, type JobView, readJobView } from '../output/job-view.ts'
import { isOwnOutput } from '../output/output-blocks.ts'
import { changeState, ensureState, readState } from '../records.ts'
import { isOfFirstVersion } from '../removal/delete-job.ts'
import { Deletions } from '../removal/deletions.ts'
import { jobIdPattern } from '../spec.ts'
import { hasEnded } from '../state.ts'
import { type DeletedJob, findJob, isRefused, readJob, readRecord, type StoredJob } from '../stored-job.ts'
import { invalidJob } from './job-invalid.ts'
import { chooseJobId, type JobRequest } from './job-request.ts'
import { JobStore } from './job-store.ts'
import { type JobPage, type JobQuery, listJobs } from './list-jobs.ts'
import { readJobRequest } from './read-request.ts'
import { requireSize, type SentFile, type StagedFile, stageFile } from './staged-file.ts'
import { parseSubmission } from './submission.ts'
import { type MessageOptions, MessageSubmitter } from './submit-message.ts'
import { submissionFor } from './watched-blob.ts'

interface JobServiceOptions extends MessageOptions {
  readonly clock: Clock
  /** Largest file that comes with a submission. */
  readonly maxUploadBytes: number
  /** e.g. a UUID */
  newId(): string
}

export interface SubmitOptions {
  /** Used instead of `jobId`. */
  readonly idempotencyKey?: string | undefined
  /** The span of the submission. */
  readonly trace?: TraceContext | undefined
  /** What is to be scored; absent: the submission names it. */
  readonly file?: StagedFile | undefined
}

/** The lines of a completed job. */
export interface JobOutput {
  /** `jsonl`, `csv` or `parquet` */
  readonly format: string
  readonly isGzip: boolean
  readonly bytes: number
  /** Streams the lines. @throws BlobGone, BlobChanged */
  read(): AsyncIterable<Uint8Array>
}

/** Creates, shows, lists, cancels and deletes jobs. All that it knows is in blobs, but for the deletions that go on. */
export class JobService {
  readonly #options: JobServiceOptions
  readonly #jobs: JobStore
  readonly #messages: MessageSubmitter
  readonly #deletions: Deletions

  constructor(options: JobServiceOptions) {
    this.#options = options
    this.#deletions = new Deletions(options)
    this.#jobs = new JobStore(options)
    this.#messages = new MessageSubmitter(options, this.#jobs)
  }

  /**
   * @param submission  not validated yet
   * @returns the job, also when it existed with the same content
   * @throws ScoringError JOB_INVALID, JOB_ID_TAKEN, JOB_INPUT_…, JOB_OUTPUT_…, TOO_MANY_JOBS, JOBS_UNAVAILABLE
   */
  async submit(
    service: string,
    submission: unknown,
    { idempotencyKey, trace, file }: SubmitOptions = {},
  ): Promise<JobView> {
    const request = this.#read(service, submission, { idempotencyKey, file })
    return this.#jobs.create({ ...request, ...(trace && { trace }) }, 'http')
  }

  /**
   * Stages the file of a submission, which may tell only behind it what job it is for.
   *
   * @param announcedBytes  undefined when only its end tells how many
   * @throws ScoringError JOB_INPUT_TOO_LARGE; what `pieces` throws
   */
  stageFile(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, announcedBytes?: number): Promise<StagedFile> {
    const { store, maxUploadBytes: maxBytes, newId } = this.#options
    requireSize(announcedBytes ?? 0, maxBytes)
    return stageFile({ store, maxBytes, blob: uploadBlob(newId()) }, pieces)
  }

  /** Checks the submission of a file before that is read. @throws as `submit`, as far as it can be told */
  checkFile(
    service: string,
    submission: unknown,
    { idempotencyKey, file }: Pick<SubmitOptions, 'idempotencyKey'> & { readonly file: SentFile },
  ): void {
    const unread: StagedFile = { blob: uploadBlob(''), blockIds: [], bytes: 0, hash: '', ...file }
    this.#read(service, submission, { idempotencyKey, file: unread })
  }

  #read(
    service: string,
    submission: unknown,
    { idempotencyKey, file }: Pick<SubmitOptions, 'idempotencyKey' | 'file'>,
  ): JobRequest {
    const parsed = parseSubmission(submission, { hasFile: file !== undefined })
    if (parsed.service !== undefined && parsed.service !== service) {
      throw invalidJob(`service: is "${parsed.service}", the path names "${service}"; leave it out`)
    }
    const jobId = chooseJobId(service, parsed.jobId, idempotencyKey) ?? `job-${this.#options.newId()}`
    return readJobRequest(this.#options, { service, jobId, file }, parsed)
  }

  /**
   * Creates the job of a message on `scoring-jobs`. An invalid message becomes a failed job that says why. A message whose
   * service has too many active jobs is put back into the queue.
   *
   * @param content  JSON, base64 of JSON, or JSON that the host has parsed
   * @param messageId  becomes the id of a failed job whose own id is missing or taken
   * @param isLastTry  temporary failures become a failed job too; otherwise they are thrown, so that the queue retries
   */
  submitMessage(content: unknown, messageId: string, isLastTry = false): Promise<void> {
    return this.#messages.submit(content, { messageId, origin: 'message', isLastTry })
  }

  /**
   * Creates the job of a blob that a service watches, once. One that cannot be scored becomes a failed job that says why.
   *
   * @param blob  `<container>/<path>`
   * @throws failures after which a retry may succeed
   */
  async submitWatched(service: string, blob: string): Promise<void> {
    const { jobs } = this.#options.find(service).definition
    const submission = await submissionFor(this.#options.store, { service, blob, jobs })
    if (submission) await this.#messages.submit(submission, { messageId: submission.jobId, origin: 'watch' })
  }

  /** @throws ScoringError JOB_UNKNOWN */
  async status(service: string, jobId: string): Promise<JobView> {
    return readJobView(this.#options.store, await this.#find(service, jobId))
  }

  /**
   * Opens the output of a completed job.
   *
   * @throws ScoringError JOB_UNKNOWN, JOB_NOT_COMPLETED, JOB_OUTPUT_MISSING
   */
  async output(service: string, jobId: string): Promise<JobOutput> {
    const { store } = this.#options
    const stored = await this.#find(service, jobId)
    const job = await readJobView(store, stored)
    if (isRefused(stored) || job.status !== 'Completed') throw notCompleted(job)
    if (!job.output) throw new ScoringError('JOB_OUTPUT_MISSING', 'The job has no output ("action": "summary_only").')
    if (job.progress.files !== undefined && job.output.blob.includes('{name}')) {
      const why = `each file of the input has an output of its own, ${job.output.blob}; read these blobs`
      throw new ScoringError('JOB_OUTPUT_MISSING', `The job has no single output: ${why}.`)
    }
    const blob = parseBlobReference(job.output.blob)
    const head = await store.head(blob)
    if (!head) throw new ScoringError('JOB_OUTPUT_MISSING', `The output ${job.output.blob} has been deleted.`)
    if (!isOwnOutput(stored, head)) {
      const why = 'has been replaced since, by a later job or another program; read the blob for what it holds now'
      throw new ScoringError('JOB_OUTPUT_MISSING', `The output ${job.output.blob} ${why}.`)
    }
    return {
      format: job.output.format,
      isGzip: job.output.isGzip === true,
      bytes: head.bytes,
      read: () => store.read(blob, head.etag),
    }
  }

  /** Lists the jobs of a service, newest first. @throws ScoringError JOB_LIST_MARKER_INVALID */
  list(service: string, query: JobQuery): Promise<JobPage> {
    return listJobs(this.#options.store, service, query)
  }

  /** @throws ScoringError JOB_UNKNOWN, JOB_NOT_CANCELLABLE */
  async cancel(service: string, jobId: string): Promise<JobView> {
    const { store, runner } = this.#options
    const job = await this.#find(service, jobId)
    if (isRefused(job)) throw notCancellable('Failed')
    await ensureState(store, job)
    const state = await changeState(store, job.folder, { from: ['NotStarted', 'Running'], to: 'CancelRequested' })
    if (state?.status !== 'CancelRequested' && state?.status !== 'Canceled') {
      throw notCancellable(state?.status ?? 'gone')
    }
    if (state.status === 'Canceled') return readJobView(store, job)
    const begin = await runner.prepare({ queue: 'finish', message: jobMessage(job.folder) })
    const view = await readJobView(store, job)
    begin()
    return view
  }

  /**
   * Deletes a job that has ended, with all that was stored for it, and asks one that has not to stop. A job that does not exist
   * counts as deleted, so that the call may be repeated (Microsoft REST API Guidelines, "DELETE").
   *
   * @returns the job that is being cancelled, or that is gone while its blobs are still removed (`isDeleted`); undefined when all is gone
   * @throws ScoringError JOB_NOT_CANCELLABLE when its output is being written
   */
  async delete(service: string, jobId: string): Promise<JobView | undefined> {
    const { store } = this.#options
    const folder = jobFolder(service, jobId)
    if (this.#deletions.isRunning(folder)) return this.#deletions.wait(folder)
    const job = await this.#findIfAny(service, jobId)
    if (!job) {
      const record = jobIdPattern.test(jobId) ? await readRecord(store, folder) : undefined
      return record && this.#remove(record) // what a deletion has left that goes on, or whose process died
    }
    const view = await readJobView(store, job)
    if (!hasEnded(view.status)) return this.cancel(service, jobId)
    if (isOfFirstVersion(job)) {
      const why = `The job is of version 0.1.0, which the app does not delete; remove the blobs below jobs/${job.folder}/.`
      throw new ScoringError('JOB_NOT_CANCELLABLE', why)
    }
    return this.#remove(job)
  }

  async #remove(job: StoredJob | DeletedJob): Promise<JobView | undefined> {
    // Afterwards it would wait behind the removals.
    const state = await readState(this.#options.store, job.folder)
    return this.#deletions.delete(job, deletedView(job, state))
  }

  /** @throws ScoringError JOB_UNKNOWN, also for a job of another service */
  async #find(service: string, jobId: string): Promise<StoredJob> {
    const job = await this.#findIfAny(service, jobId)
    if (!job) throw new ScoringError('JOB_UNKNOWN', 'This service has no such job.')
    return job
  }

  async #findIfAny(service: string, jobId: string): Promise<StoredJob | undefined> {
    const { store } = this.#options
    if (!jobIdPattern.test(jobId)) return undefined
    // A failed job without a service is shown to every caller who knows the id of its message.
    return (await findJob(store, service, jobId)) ?? readJob(store, messageFolder(jobId))
  }
}

function notCompleted({ status, error }: JobView): ScoringError {
  const why = error ? `: ${error.message}` : ''
  return new ScoringError('JOB_NOT_COMPLETED', `The job is ${status}${why}; only a completed job has an output.`)
}

function notCancellable(status: string): ScoringError {
  const message = `The job is ${status}; only a job that is NotStarted or Running can be cancelled.`
  return new ScoringError('JOB_NOT_CANCELLABLE', message)
}
