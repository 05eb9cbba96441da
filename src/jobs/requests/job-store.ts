import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { enterActive, stayActive } from '../active-jobs.ts'
import type { BlobStore } from '../blob-store.ts'
import { chooseChunkBytes } from '../chunk-size.ts'
import { eventSignatureBlob, listEntryBlob, parseBlobReference, specBlob } from '../layout.ts'
import { type JobStep, jobMessage, type MessageQueues } from '../message-queues.ts'
import { type JobView, newJobView, readJobView } from '../output/job-view.ts'
import { createState, ensureState, readStoredState } from '../records.ts'
import type { RowScorer } from '../row-scorer.ts'
import type { SlotWait, StepRunner } from '../run-on.ts'
import { inputName, type JobSpec } from '../spec.ts'
import { type DeletedJob, findOldJob, isDeleted, isRefused, readRecord, type StoredJob } from '../stored-job.ts'
import { ActiveLimit, type JobOrigin } from './active-limit.ts'
import { invalidJob } from './job-invalid.ts'
import type { JobRequest } from './job-request.ts'
import { requireOtherBlob } from './other-blob.ts'
import { fillDate } from './output-options.ts'
import { findCurrentEtag, pinInput } from './pin-input.ts'

export interface JobStoreOptions {
  readonly store: BlobStore
  readonly queues: MessageQueues
  readonly runner: StepRunner
  /** @throws ScoringError SERVICE_UNKNOWN */
  find(service: string): ScoringService
  readonly scorer: Pick<RowScorer, 'modelDigest'> & {
    /** Bytes of text that this process has lately read and scored in a millisecond on a thread; undefined: none yet. */
    textSpeed(service: string): number | undefined
  }
  readonly maxInputBytes: number
  /** Most jobs of one service that have not ended. */
  readonly maxActiveJobs: number
}

/**
 * Messages of all services come in one queue, so one invocation is enough for a service: the others see to the messages behind it. Those
 * of a watched folder are of no use to others, so the folder waits as a whole.
 */
const slotWaitFor: Readonly<Record<Exclude<JobOrigin, 'http'>, SlotWait>> = { message: 'fair', watch: 'full' }

/** Creates jobs. A submission that was interrupted at any point is completed by the next one with the same id. */
export class JobStore {
  readonly #options: JobStoreOptions
  readonly #limit: ActiveLimit

  constructor(options: JobStoreOptions) {
    this.#options = options
    this.#limit = new ActiveLimit(options)
  }

  /**
   * @returns the job, also when it existed before
   * @throws ScoringError JOB_ID_TAKEN, JOB_INPUT_CHANGED, JOB_INVALID, JOB_INPUT_…, JOB_OUTPUT_EXISTS, TOO_MANY_JOBS, SERVICE_UNKNOWN
   */
  async create(request: JobRequest, origin: JobOrigin): Promise<JobView> {
    const { store } = this.#options
    if (origin !== 'http') await this.#limit.requireNotFull(request.service)
    const existing = requireNotDeleted(await findRecord(store, request), request)
    if (existing) return this.#resume(request, { job: existing, origin }, () => findCurrentEtag(store, request))
    const { spec, hasEntry } = await this.#createSpec(request, origin)
    const { jobId, folder, service, createdAt } = spec
    // A job exists once its spec does, so the list entry is written first.
    await store.create(listEntryBlob(service, Date.parse(createdAt), jobId), '')
    const isFirst = await store.create(specBlob(folder), JSON.stringify(spec))
    if (isFirst) return this.#begin(spec, { origin, hasEntry })
    const record = await readRecord(store, folder)
    const stored = record && !isDeleted(record) ? record : undefined
    await this.#dropFile(request, stored)
    const job = requireNotDeleted(record, request) ?? spec
    // A file that came second has another version, and the same content if the fingerprints are the same.
    return this.#resume(request, { job, origin }, async () => ('file' in request.source ? undefined : spec.input.etag))
  }

  /** Checks the request against the services and the storage. */
  async #createSpec(submitted: JobRequest, origin: JobOrigin): Promise<NewSpec> {
    const { store, scorer, maxInputBytes } = this.#options
    const createdAt = new Date(await store.now()).toISOString()
    const output = { ...submitted.output, blob: fillDate(submitted.output.blob, createdAt) }
    const request = { ...submitted, output }
    const { source: _, eventSignature, ...asked } = request
    const { service } = request
    const scoring = this.#options.find(service)
    if (scoring.status === 'failed') scoring.requireReady()
    if (scoring.report?.scriptKind === 'rawHttp') {
      const why = 'has an entry script that takes raw HTTP requests (rawHttp), not rows'
      throw invalidJob(`service: "${service}" ${why}; call it over HTTP`)
    }
    const { watch } = scoring.definition.jobs
    requireOtherBlob(request.source, output.blob, watch)
    await this.#limit.requireRoom(service, origin)
    const modelDigest = await scorer.modelDigest(service)
    const isNew = !output.overwrite && !output.isPerFile && output.action !== 'summary_only'
    if (isNew && (await store.head(parseBlobReference(output.blob)))) {
      const advice = 'choose another name, remove the blob, or say "overwrite": true'
      throw new ScoringError('JOB_OUTPUT_EXISTS', `output.blob: the blob "${output.blob}" already exists; ${advice}`)
    }
    const input = await pinInput(store, request, { maxInputBytes, watch })
    if (eventSignature !== undefined) await store.create(eventSignatureBlob(request.folder), eventSignature)
    const isNewEntry = await enterActive(store, request)
    const chunkBytes =
      request.miniBatchSize === undefined
        ? { chunkBytes: chooseChunkBytes(input.bytes, scorer.textSpeed(service)) }
        : {}
    const spec = { ...asked, ...chunkBytes, modelDigest, input, createdAt }
    return { spec, hasEntry: async () => isNewEntry && (await store.now()) - Date.parse(createdAt) < freshMs }
  }

  /** Removes the file of a submission that came second to another one with the same id. */
  async #dropFile({ source }: JobRequest, job: StoredJob | undefined): Promise<void> {
    if (!('file' in source)) return
    const { container, path } = source.file.blob
    const place = !job || isRefused(job) ? undefined : job.input.place
    if (place && 'blob' in place && place.blob === `${container}/${path}`) return
    await this.#options.store.remove({ container, path })
  }

  /**
   * Makes sure that an existing job gets started.
   *
   * @param readEtag  version of the input that the request finds
   */
  async #resume(
    request: JobRequest,
    { job, origin }: { readonly job: StoredJob; readonly origin: JobOrigin },
    readEtag: () => Promise<string | undefined>,
  ): Promise<JobView> {
    const { store } = this.#options
    if (isRefused(job) || job.fingerprint !== request.fingerprint) {
      const advice = 'an id belongs to one job; choose another one'
      throw new ScoringError('JOB_ID_TAKEN', `jobId: "${request.jobId}" is a job with other content; ${advice}`)
    }
    const isRedelivered = request.messageId !== undefined && request.messageId === job.messageId
    if (!isRedelivered) requireSameInput(job, await readEtag())
    const state = await ensureState(store, job)
    // The process that began the job in the same message may have died in any of its steps.
    if (state?.status !== 'NotStarted' && !isRedelivered) return readJobView(store, job)
    await stayActive(store, job)
    const begin = await this.#prepare(splitStep(job), origin)
    const view = await readJobView(store, job)
    begin()
    return view
  }

  /** Starts a job that was just created. */
  async #begin(job: JobSpec, { origin, hasEntry }: Pick<NewSpec, 'hasEntry'> & { readonly origin: JobOrigin }) {
    const { store } = this.#options
    // Otherwise another process has the job already, or this call had broken and was repeated.
    const stored = (await createState(store, job)) ?? (await readStoredState(store, job.folder))
    if (stored?.value.status !== 'NotStarted') return readJobView(store, job)
    if (!(await hasEntry())) await enterActive(store, job)
    const known = { spec: job, state: stored.value, etag: stored.etag }
    const begin = await this.#prepare({ ...splitStep(job), job: known }, origin)
    begin()
    return newJobView(job)
  }

  /** @returns a function that begins the job, unless it has run already */
  async #prepare(split: JobStep, origin: JobOrigin): Promise<() => void> {
    const { runner } = this.#options
    if (origin === 'http') return runner.prepare(split)
    await runner.run([split], slotWaitFor[origin])
    return () => {}
  }
}

function splitStep({ folder }: JobSpec): JobStep {
  return { queue: 'split', message: jobMessage(folder) }
}

interface NewSpec {
  readonly spec: JobSpec
  /** Whether the active entry of the job is so new that no sweeper takes it for one without a job. Once the spec exists, none does. */
  hasEntry(): Promise<boolean>
}

/** Much less than `orphanMs`. */
const freshMs = 60_000

/** @returns what has the id of the request, also among jobs of version 0.1.0 */
async function findRecord(
  store: BlobStore,
  { folder, service, jobId }: JobRequest,
): Promise<StoredJob | DeletedJob | undefined> {
  return (await readRecord(store, folder)) ?? findOldJob(store, service, jobId)
}

/** @throws ScoringError JOB_ID_TAKEN */
function requireNotDeleted(record: StoredJob | DeletedJob | undefined, { jobId }: JobRequest): StoredJob | undefined {
  if (!record || !isDeleted(record)) return record
  const advice = 'its id is free again a day after that; choose another one'
  throw new ScoringError('JOB_ID_TAKEN', `jobId: the job "${jobId}" of ${record.createdAt} was deleted; ${advice}`)
}

/**
 * Refuses a repeated id whose input has changed: predictions for yesterday's rows must not pass for today's.
 *
 * @param etag  version of the input now; undefined when it cannot be read
 * @throws ScoringError JOB_INPUT_CHANGED
 */
function requireSameInput({ jobId, createdAt, input }: JobSpec, etag: string | undefined): void {
  if (etag === undefined || etag === input.etag) return
  throw new ScoringError(
    'JOB_INPUT_CHANGED',
    `jobId: the job "${jobId}" of ${createdAt} is for an earlier version of ${inputName(input)}, which has changed since; choose another id for the current version, e.g. one with a date in it`,
  )
}
