import { ScoringError } from '../../errors.ts'
import { maxMessageBytes } from '../job-queues.ts'
import { announceRefusal } from '../output/job-event.ts'
import type { JobOrigin } from './active-limit.ts'
import { invalidJob } from './job-invalid.ts'
import type { RequestLimits } from './job-request.ts'
import type { JobStore, JobStoreOptions } from './job-store.ts'
import { findTarget } from './on-completed.ts'
import { encodeWaitingMessage, readMessage, type SubmissionMessage } from './read-message.ts'
import { findIfAny, readJobRequest } from './read-request.ts'
import { messageJobId, storeRefusedJob } from './refused-job.ts'
import { parseSubmission } from './submission.ts'

export interface MessageOptions extends JobStoreOptions, RequestLimits {
  log(line: string): void
}

interface Delivery {
  readonly messageId: string
  readonly origin: Exclude<JobOrigin, 'http'>
  readonly isLastTry?: boolean
}

/** Azure's default lifetime of a queue message. */
const longestWaitMs = 7 * 24 * 3_600_000

/** Creates the jobs of messages on `scoring-jobs`, whose senders see an error only as a failed job. */
export class MessageSubmitter {
  readonly #options: MessageOptions
  readonly #jobs: JobStore

  constructor(options: MessageOptions, jobs: JobStore) {
    this.#options = options
    this.#jobs = jobs
  }

  /** As `JobService.submitMessage` says. */
  async submit(content: unknown, { messageId, origin, isLastTry = false }: Delivery): Promise<void> {
    let message: SubmissionMessage | undefined
    try {
      message = readMessage(content)
      await this.#createFromMessage(message, { messageId: message.waiting?.messageId ?? messageId, origin })
    } catch (failure) {
      if (!(failure instanceof ScoringError)) throw failure
      const { waiting } = message ?? {}
      const firstId = waiting?.messageId ?? messageId
      if (failure.code === 'TOO_MANY_JOBS' && message && (await this.#postpone(message, firstId, failure))) return
      const isFinal = failure.status < 500 && (failure.code !== 'TOO_MANY_JOBS' || waiting !== undefined)
      if (!isFinal && !isLastTry) throw failure
      await this.#refuse(message?.submission, firstId, failure)
    }
  }

  async #createFromMessage({ submission }: SubmissionMessage, { messageId, origin }: Delivery): Promise<void> {
    const { service, ...parsed } = parseSubmission(submission)
    if (service === undefined) throw invalidJob('service: is missing; name the service that scores')
    const member = parsed.input.url?.includes('?') ? 'input.url' : 'onCompleted.url'
    if (parsed.input.url?.includes('?') || parsed.onCompleted?.url?.includes('?')) {
      const why = 'has a query; queues store messages in plain text, so a signature must not be sent in one'
      throw invalidJob(`${member}: ${why}; submit this job over HTTP`)
    }
    // A message that is delivered twice creates one job.
    const jobId = parsed.jobId ?? messageJobId(messageId)
    await this.#jobs.create({ ...readJobRequest(this.#options, { service, jobId }, parsed), messageId }, origin)
  }

  /**
   * Puts the submission back into the queue as a new message, which does not count as a failed delivery. If the old message is
   * delivered again all the same, both create the same job, because the id is the same.
   *
   * @returns false when it has waited too long, or would be too long with what is added to it
   */
  async #postpone(
    { json, waiting }: SubmissionMessage,
    messageId: string,
    { message }: ScoringError,
  ): Promise<boolean> {
    const { store, queues, log } = this.#options
    const now = await store.now()
    const since = waiting?.since ?? now
    const waitedMs = now - since
    const text = encodeWaitingMessage(json, { messageId, since })
    if (waitedMs >= longestWaitMs || Buffer.byteLength(text) > maxMessageBytes) return false
    await queues.sendBack(text, Math.min(300, Math.max(15, waitedMs / 8000)))
    if (!waiting) log(`the job of message ${messageId} waits: ${message}`)
    return true
  }

  async #refuse(submission: unknown, messageId: string, error: ScoringError): Promise<void> {
    const { store, log } = this.#options
    const { service: named, onCompleted } = (submission ?? {}) as { service?: unknown; onCompleted?: unknown }
    const service = typeof named === 'string' && findIfAny(this.#options, named) ? named : undefined
    const createdAt = new Date(await store.now()).toISOString()
    const target = findTarget(onCompleted, this.#options)
    const refusal = { submission, messageId, service, error, createdAt, onCompleted: target }
    const { job, isNew } = await storeRefusedJob(store, refusal)
    if (job && isNew) log(`job ${job.jobId} (from a queue message) failed: ${error.code}: ${error.message}`)
    // Also when the message comes again: the process that stored the job may have died before this.
    if (job) await announceRefusal(store, job)
  }
}
