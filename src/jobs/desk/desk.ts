import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../scoring/scoring-service.ts'
import type { BlobStore } from '../blob-store.ts'
import { activePlace, activePrefix, jobsContainer, listedPlace, placeOf, specPlace } from '../job-layout.ts'
import { changeState, ensureState } from '../job-records.ts'
import { type JobSpec, jobIdPattern } from '../job-spec.ts'
import type { JobDesk, JobView } from '../jobs.ts'
import type { MessageQueues } from '../message-queues.ts'
import type { RowScorer } from '../row-scorer.ts'
import { acceptInput } from './accept-input.ts'
import { givenJobId } from './job-ids.ts'
import { listJobs } from './list-jobs.ts'
import { type Order, type OrderLimits, orderOf, sha256 } from './order.ts'
import { readMessage } from './read-message.ts'
import { readSubmission } from './read-submission.ts'
import { isRefused, type RefusedJob, readJob, type StoredJob, viewOf } from './stored-job.ts'

export interface StorageJobDeskOptions {
  readonly store: BlobStore
  readonly queues: MessageQueues
  /** @throws ScoringError SERVICE_UNKNOWN */
  find(service: string): ScoringService
  readonly scorer: Pick<RowScorer, 'modelDigest'>
  readonly limits: OrderLimits & {
    readonly maxInputBytes: number
    /** Jobs of one service that have not ended. */
    readonly maxActiveJobs: number
  }
  /** Milliseconds since 1970. */
  now(): number
  /** e.g. a UUID */
  newId(): string
  log(line: string): void
}

/** Takes jobs in, tells of them and cancels them. Whatever dies on the way, whoever asks again goes on from there. */
export class StorageJobDesk implements JobDesk {
  readonly #options: StorageJobDeskOptions

  constructor(options: StorageJobDeskOptions) {
    this.#options = options
  }

  async submit(service: string, submission: unknown, idempotencyKey?: string): Promise<JobView> {
    const read = readSubmission(submission)
    if (read.service !== undefined && read.service !== service) {
      throw new ScoringError('JOB_INVALID', `service: is "${read.service}", the path names "${service}"; leave it out`)
    }
    const jobId = givenJobId(service, read.jobId, idempotencyKey) ?? `job-${this.#options.newId()}`
    return this.#accept(orderOf(service, jobId, read, this.#options.limits))
  }

  async submitMessage(text: unknown, messageId: string, isLastTry = false): Promise<void> {
    let submission: unknown
    try {
      submission = readMessage(text)
      const { service, ...read } = readSubmission(submission)
      if (service === undefined) throw new ScoringError('JOB_INVALID', 'service: is missing; name the one that scores')
      if (read.input.url?.includes('?')) {
        const why = 'has a query: a signature does not belong in a message, where it is kept'
        throw new ScoringError('JOB_INVALID', `input.url: ${why}; submit such a job over HTTP`)
      }
      // The same message, delivered twice, is the same job.
      const jobId = read.jobId ?? `message-${messageId}`
      await this.#accept(orderOf(service, jobId, read, this.#options.limits))
    } catch (failure) {
      const isFinal = failure instanceof ScoringError && failure.status < 500 && failure.code !== 'TOO_MANY_JOBS'
      if (!(failure instanceof ScoringError) || !(isFinal || isLastTry)) throw failure
      await this.#keepRefused(submission, messageId, failure)
    }
  }

  async status(service: string, jobId: string): Promise<JobView> {
    return viewOf(this.#options.store, await this.#find(service, jobId))
  }

  list(service: string, limit: number, marker?: string): Promise<{ jobs: JobView[]; nextMarker?: string }> {
    return listJobs(this.#options.store, service, limit, marker)
  }

  async cancel(service: string, jobId: string): Promise<JobView> {
    const { store, queues } = this.#options
    const job = await this.#find(service, jobId)
    if (isRefused(job)) throw notCancellable('Failed')
    await ensureState(store, job)
    const state = await changeState(store, jobId, ['NotStarted', 'Running'], 'CancelRequested')
    if (state?.status === 'CancelRequested') await queues.send('finish', { jobId })
    else if (state?.status !== 'Canceled') throw notCancellable(state?.status ?? 'gone')
    return viewOf(store, job)
  }

  /** @throws ScoringError JOB_UNKNOWN, also for a job of another service */
  async #find(service: string, jobId: string): Promise<StoredJob> {
    const job = jobIdPattern.test(jobId) ? await readJob(this.#options.store, jobId) : undefined
    // Of a message that names no service nobody knows whose it is, and what is kept of it tells nothing.
    if (!job || (job.service !== undefined && job.service !== service)) {
      throw new ScoringError('JOB_UNKNOWN', 'This service has no such job.')
    }
    return job
  }

  async #accept(order: Order): Promise<JobView> {
    const { store } = this.#options
    const known = await readJob(store, order.jobId)
    if (known) return this.#goOn(order, known)
    const spec = await this.#accepted(order)
    const { jobId, service, createdAt } = spec
    // Once there is a spec there is a job; so whatever finds it later is there before.
    await store.create(listedPlace(service, Date.parse(createdAt), jobId), '')
    const isFirst = await store.create(specPlace(jobId), JSON.stringify(spec))
    return this.#goOn(order, isFirst ? spec : ((await readJob(store, jobId)) ?? spec))
  }

  /** What is asked for, checked against what there is. */
  async #accepted(order: Order): Promise<JobSpec> {
    const { store, scorer, limits, now, find } = this.#options
    const { jobId, service, output, fingerprint, miniBatchSize, errorThreshold, maxRetries } = order
    if (find(service).report?.scriptKind === 'rawHttp') {
      const why = 'takes whole HTTP requests (rawHttp), which rows of a job are not'
      throw new ScoringError('JOB_INVALID', `service: "${service}" ${why}; call it over HTTP`)
    }
    const modelDigest = await scorer.modelDigest(service)
    if (await store.head(placeOf(output.blob))) {
      const advice = 'a job writes over nothing; choose another name, or remove it'
      throw new ScoringError('JOB_OUTPUT_EXISTS', `output.blob: there is a blob "${output.blob}" already; ${advice}`)
    }
    await this.#requireRoom(service)
    const input = await acceptInput(store, order, limits.maxInputBytes)
    await store.create(activePlace(jobId), '', { service })
    const createdAt = new Date(now()).toISOString()
    return {
      jobId,
      service,
      fingerprint,
      modelDigest,
      input,
      output,
      miniBatchSize,
      errorThreshold,
      maxRetries,
      createdAt,
    }
  }

  /** Sees that a job that is there is on its way. */
  async #goOn(order: Order, job: StoredJob): Promise<JobView> {
    const { store, queues } = this.#options
    if (isRefused(job) || job.fingerprint !== order.fingerprint) {
      const advice = 'the same id is for the same job only; choose another one'
      throw new ScoringError('JOB_ID_TAKEN', `jobId: there is a job "${order.jobId}" with other content; ${advice}`)
    }
    const state = await ensureState(store, job)
    if (state?.status === 'NotStarted') {
      await store.create(activePlace(job.jobId), '', { service: job.service })
      await queues.send('split', { jobId: job.jobId })
    }
    return viewOf(store, job)
  }

  async #requireRoom(service: string): Promise<void> {
    const { store, limits } = this.#options
    let active = 0
    for await (const { metadata } of store.list(jobsContainer, activePrefix)) if (metadata.service === service) active++
    if (active < limits.maxActiveJobs) return
    throw new ScoringError('TOO_MANY_JOBS', `${active} jobs of this service have not ended; submit this one later.`, {
      retryAfterSeconds: 30,
    })
  }

  /** Under the id that was asked for, where that is free, else under that of the message. */
  async #keepRefused(submission: unknown, messageId: string, { code, message }: ScoringError): Promise<void> {
    const { store, now, log } = this.#options
    const { jobId: asked, service: named } = (submission ?? {}) as { jobId?: unknown; service?: unknown }
    const service = typeof named === 'string' && this.#isKnown(named) ? named : undefined
    const createdAt = new Date(now()).toISOString()
    const isUsable = typeof asked === 'string' && jobIdPattern.test(asked)
    for (const jobId of [...(isUsable ? [asked] : []), `message-${jobIdPattern.test(messageId) ? messageId : sha256(messageId)}`]) {
      const known = await readJob(store, jobId)
      if (known && isRefused(known) && known.messageId === messageId) return // delivered twice
      if (known) continue
      const job: RefusedJob = {
        jobId,
        ...(service === undefined ? {} : { service }),
        messageId,
        createdAt,
        refused: { code, message },
      }
      if (service !== undefined) await store.create(listedPlace(service, Date.parse(createdAt), jobId), '')
      if (!(await store.create(specPlace(jobId), JSON.stringify(job)))) continue
      log(`job ${jobId} of a message failed: ${code}: ${message}`)
      return
    }
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
