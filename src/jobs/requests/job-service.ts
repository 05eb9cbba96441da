import { ScoringError } from '../../errors.ts'
import { messageFolder } from '../layout.ts'
import { jobMessage, maxMessageBytes } from '../message-queues.ts'
import { changeState, ensureState } from '../records.ts'
import { jobIdPattern } from '../spec.ts'
import { chooseJobId } from './job-ids.ts'
import { parseJobRequest, type RequestLimits } from './job-request.ts'
import { JobStore, type JobStoreOptions } from './job-store.ts'
import { type JobView, readJobView } from './job-view.ts'
import { listJobs } from './list-jobs.ts'
import { type ReadMessage, readMessage, waitingMessage } from './read-message.ts'
import { messageJobId, storeRefusedJob } from './refused-jobs.ts'
import { findJob, isRefused, readJob, type StoredJob } from './stored-job.ts'
import { readSubmission } from './submission.ts'

export interface JobServiceOptions extends JobStoreOptions, RequestLimits {
  /** e.g. a UUID */
  newId(): string
  log(line: string): void
}

/** Azure: for so long a message lives that nobody gave another time. */
const longestWaitMs = 7 * 24 * 3_600_000

/** Takes jobs in, tells of them and cancels them: all it knows is in blobs. */
export class JobService {
  readonly #options: JobServiceOptions
  readonly #intake: JobStore

  constructor(options: JobServiceOptions) {
    this.#options = options
    this.#intake = new JobStore(options)
  }

  /**
   * @param submission  as it came, not checked yet
   * @param idempotencyKey  stands for `jobId`
   * @returns the job, also when it was there already with the same content
   * @throws ScoringError JOB_INVALID, JOB_ID_TAKEN, JOB_INPUT_…, JOB_OUTPUT_…, TOO_MANY_JOBS, JOBS_UNAVAILABLE
   */
  async submit(service: string, submission: unknown, idempotencyKey?: string): Promise<JobView> {
    const read = readSubmission(submission)
    if (read.service !== undefined && read.service !== service) {
      throw new ScoringError('JOB_INVALID', `service: is "${read.service}", the path names "${service}"; leave it out`)
    }
    const jobId = chooseJobId(service, read.jobId, idempotencyKey) ?? `job-${this.#options.newId()}`
    return this.#intake.accept(parseJobRequest(service, jobId, read, this.#options))
  }

  /**
   * A message on `scoring-jobs`: its fault becomes a failed job that says why. Where its service has too many jobs, it goes
   * back and comes again.
   *
   * @param text  JSON, base64 of JSON, or what a host made of it
   * @param messageId  names a failed job without an id that is free
   * @param isLastTry  what may pass becomes a failed job as well, where it throws otherwise, to be tried again
   */
  async submitMessage(text: unknown, messageId: string, isLastTry = false): Promise<void> {
    let message: ReadMessage | undefined
    try {
      message = readMessage(text)
      await this.#acceptMessage(message, message.waiting?.messageId ?? messageId)
    } catch (failure) {
      if (!(failure instanceof ScoringError)) throw failure
      const { waiting } = message ?? {}
      const firstId = waiting?.messageId ?? messageId
      if (failure.code === 'TOO_MANY_JOBS' && message && (await this.#sendBack(message, firstId, failure))) return
      const isFinal = failure.status < 500 && (failure.code !== 'TOO_MANY_JOBS' || waiting !== undefined)
      if (!isFinal && !isLastTry) throw failure
      await this.#refuse(message?.submission, firstId, failure)
    }
  }

  /** @throws ScoringError JOB_UNKNOWN */
  async status(service: string, jobId: string): Promise<JobView> {
    return readJobView(this.#options.store, await this.#find(service, jobId))
  }

  /** Newest first. @throws ScoringError JOB_LIST_MARKER_INVALID */
  list(service: string, limit: number, marker?: string): Promise<{ jobs: JobView[]; nextMarker?: string }> {
    return listJobs(this.#options.store, service, limit, marker)
  }

  /** @throws ScoringError JOB_UNKNOWN, JOB_NOT_CANCELLABLE */
  async cancel(service: string, jobId: string): Promise<JobView> {
    const { store, queues } = this.#options
    const job = await this.#find(service, jobId)
    if (isRefused(job)) throw notCancellable('Failed')
    await ensureState(store, job)
    const state = await changeState(store, job.folder, ['NotStarted', 'Running'], 'CancelRequested')
    if (state?.status === 'CancelRequested') await queues.send('finish', jobMessage(job.folder))
    else if (state?.status !== 'Canceled') throw notCancellable(state?.status ?? 'gone')
    return readJobView(store, job)
  }

  async #acceptMessage({ submission }: ReadMessage, messageId: string): Promise<void> {
    const { service, ...read } = readSubmission(submission)
    if (service === undefined) throw new ScoringError('JOB_INVALID', 'service: is missing; name the one that scores')
    if (read.input.url?.includes('?')) {
      const why = 'has a query: a signature does not belong in a message, where it is kept'
      throw new ScoringError('JOB_INVALID', `input.url: ${why}; submit such a job over HTTP`)
    }
    // The same message, delivered twice, is the same job.
    const jobId = read.jobId ?? messageJobId(messageId)
    await this.#intake.accept({ ...parseJobRequest(service, jobId, read, this.#options), messageId })
  }

  /**
   * In a queue too many means later: the message goes back as a new one, so that it does not come nearer to the poison queue.
   * Should this one be delivered again all the same, both are the same job, by its id.
   *
   * @returns false: it has waited for so long as a message may, or leaves no place for what it must say besides
   */
  async #sendBack({ json, waiting }: ReadMessage, messageId: string, { message }: ScoringError): Promise<boolean> {
    const { queues, now, log } = this.#options
    const since = waiting?.since ?? now()
    const waitedMs = now() - since
    const text = waitingMessage(json, { messageId, since })
    if (waitedMs >= longestWaitMs || Buffer.byteLength(text) > maxMessageBytes) return false
    await queues.sendBack(text, Math.min(300, Math.max(15, waitedMs / 4000)))
    if (!waiting) log(`the job of message ${messageId} waits: ${message}`)
    return true
  }

  /** @throws ScoringError JOB_UNKNOWN, also for a job of another service */
  async #find(service: string, jobId: string): Promise<StoredJob> {
    const { store } = this.#options
    // Of a message that names no service nobody knows whose it is: whoever knows its id may learn what was wrong with it.
    const find = async () => (await findJob(store, service, jobId)) ?? (await readJob(store, messageFolder(jobId)))
    const job = jobIdPattern.test(jobId) ? await find() : undefined
    if (!job) throw new ScoringError('JOB_UNKNOWN', 'This service has no such job.')
    return job
  }

  async #refuse(asked: unknown, messageId: string, failure: ScoringError): Promise<void> {
    const { store, now, log } = this.#options
    const { service } = (asked ?? {}) as { service?: unknown }
    const known = typeof service === 'string' && this.#isKnown(service) ? service : undefined
    const jobId = await storeRefusedJob(store, asked, messageId, known, failure, new Date(now()).toISOString())
    if (jobId !== undefined) log(`job ${jobId} of a message failed: ${failure.code}: ${failure.message}`)
  }

  #isKnown(service: string): boolean {
    try {
      this.#options.find(service)
      return true
    } catch {
      return false
    }
  }
}

function notCancellable(status: string): ScoringError {
  return new ScoringError('JOB_NOT_CANCELLABLE', `The job is ${status}; only one that has not ended can be cancelled.`)
}
