import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { BlobStore } from '../blob-store.ts'
import { activeBlob, activePrefixFor, jobsContainer, listEntryBlob, parseBlobReference, specBlob } from '../layout.ts'
import { jobMessage, type MessageQueues } from '../message-queues.ts'
import { ensureState } from '../records.ts'
import type { RowScorer } from '../row-scorer.ts'
import type { JobSpec } from '../spec.ts'
import type { JobRequest } from './job-request.ts'
import { type JobView, readJobView } from './job-view.ts'
import { currentEtag, pinInput } from './pin-input.ts'
import { findJob, isRefused, readJob, type StoredJob } from './stored-job.ts'

export interface JobStoreOptions {
  readonly store: BlobStore
  readonly queues: MessageQueues
  /** @throws ScoringError SERVICE_UNKNOWN */
  find(service: string): ScoringService
  readonly scorer: Pick<RowScorer, 'modelDigest'>
  readonly maxInputBytes: number
  /** Jobs of one service that have not ended. */
  readonly maxActiveJobs: number
  /** Milliseconds since 1970. */
  now(): number
}

/** Makes jobs of orders. Whatever dies on the way, whoever asks for the same again goes on from there. */
export class JobStore {
  readonly #options: JobStoreOptions

  constructor(options: JobStoreOptions) {
    this.#options = options
  }

  /**
   * @returns the job, also when it was there already
   * @throws ScoringError JOB_ID_TAKEN, JOB_INPUT_CHANGED, JOB_INVALID, JOB_INPUT_…, JOB_OUTPUT_EXISTS, TOO_MANY_JOBS, SERVICE_UNKNOWN
   */
  async accept(order: JobRequest): Promise<JobView> {
    const { store } = this.#options
    const known = await findJob(store, order.service, order.jobId)
    if (known) return this.#goOn(order, known, () => currentEtag(store, order))
    const spec = await this.#accepted(order)
    const { jobId, folder, service, createdAt } = spec
    // Once there is a spec there is a job; so whatever finds it later is there before.
    await store.create(listEntryBlob(service, Date.parse(createdAt), jobId), '')
    const isFirst = await store.create(specBlob(folder), JSON.stringify(spec))
    return this.#goOn(order, isFirst ? spec : ((await readJob(store, folder)) ?? spec), async () => spec.input.etag)
  }

  /** What is asked for, checked against what there is. */
  async #accepted(order: JobRequest): Promise<JobSpec> {
    const { store, scorer, maxInputBytes, now } = this.#options
    const { jobId, folder, service, output, fingerprint, miniBatchSize, errorThreshold, maxRetries, messageId } = order
    const scoring = this.#options.find(service)
    if (scoring.status === 'failed') scoring.requireReady()
    if (scoring.report?.scriptKind === 'rawHttp') {
      const why = 'takes whole HTTP requests (rawHttp), which rows of a job are not'
      throw new ScoringError('JOB_INVALID', `service: "${service}" ${why}; call it over HTTP`)
    }
    const modelDigest = await scorer.modelDigest(service)
    if (await store.head(parseBlobReference(output.blob))) {
      const advice = 'a job writes over nothing; choose another name, or remove it'
      throw new ScoringError('JOB_OUTPUT_EXISTS', `output.blob: there is a blob "${output.blob}" already; ${advice}`)
    }
    await this.#requireRoom(service)
    const input = await pinInput(store, order, maxInputBytes)
    await store.create(activeBlob(folder), '', { service })
    const createdAt = new Date(now()).toISOString()
    return {
      jobId,
      folder,
      service,
      fingerprint,
      modelDigest,
      input,
      output,
      miniBatchSize,
      errorThreshold,
      maxRetries,
      createdAt,
      ...(messageId === undefined ? {} : { messageId }),
    }
  }

  /**
   * Sees that a job that is there is on its way.
   *
   * @param etag  of the input as the order finds it
   */
  async #goOn(order: JobRequest, job: StoredJob, etag: () => Promise<string | undefined>): Promise<JobView> {
    const { store, queues } = this.#options
    if (isRefused(job) || job.fingerprint !== order.fingerprint) {
      const advice = 'the same id is for the same job only; choose another one'
      throw new ScoringError('JOB_ID_TAKEN', `jobId: there is a job "${order.jobId}" with other content; ${advice}`)
    }
    // A message that is delivered again asks for nothing new.
    const isAgain = order.messageId !== undefined && order.messageId === job.messageId
    if (!isAgain) requireSameInput(job, await etag())
    const state = await ensureState(store, job)
    if (state?.status === 'NotStarted') {
      await store.create(activeBlob(job.folder), '', { service: job.service })
      await queues.send('split', jobMessage(job.folder))
    }
    return readJobView(store, job)
  }

  async #requireRoom(service: string): Promise<void> {
    const { store, maxActiveJobs } = this.#options
    let active = 0
    for await (const _ of store.list(jobsContainer, activePrefixFor(service))) active++
    if (active < maxActiveJobs) return
    throw new ScoringError(
      'TOO_MANY_JOBS',
      `${active} jobs of this service have not ended (SCORING_JOB_MAX_ACTIVE); submit this one later.`,
      {
        retryAfterSeconds: 30,
      },
    )
  }
}

/**
 * The answer for a job of yesterday's rows must not pass for one of today's.
 *
 * @param etag  of the input now; undefined: it cannot be told
 * @throws ScoringError JOB_INPUT_CHANGED
 */
function requireSameInput({ jobId, createdAt, input }: JobSpec, etag: string | undefined): void {
  if (etag === undefined || etag === input.etag) return
  const name = 'blob' in input.place ? input.place.blob : input.place.url
  throw new ScoringError(
    'JOB_INPUT_CHANGED',
    `jobId: the job "${jobId}" of ${createdAt} is for an earlier version of ${name}, which has changed since; choose another id for what is there now, e.g. one with a date in it`,
  )
}
