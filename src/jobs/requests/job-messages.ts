/** Submissions that come as messages, whose senders get no answer: what is wrong with them is told by a failed job. */
import { ScoringError } from '../../errors.ts'
import { maxMessageBytes } from '../job-queues.ts'
import type { JobOrigin } from './active-limit.ts'
import { invalidJob } from './job-invalid.ts'
import type { JobRequest } from './job-request.ts'
import type { JobStore, JobStoreOptions } from './job-store.ts'
import { encodeWaitingMessage, readMessage, type SubmissionMessage } from './read-message.ts'
import { messageJobId, storeRefusedJob } from './refused-job.ts'
import { type JobSubmission, parseSubmission } from './submission.ts'

interface JobMessagesOptions extends Pick<JobStoreOptions, 'store' | 'queues'> {
  readonly jobs: Pick<JobStore, 'create'>
  isService(name: string): boolean
  /** @throws ScoringError JOB_INVALID, JOB_… */
  parse(job: Pick<JobRequest, 'service' | 'jobId'>, submission: JobSubmission): JobRequest
  log(line: string): void
}

interface Delivery {
  readonly messageId: string
  readonly origin: Exclude<JobOrigin, 'http'>
}

/** Azure's default lifetime of a queue message. */
const longestWaitMs = 7 * 24 * 3_600_000

export class JobMessages {
  readonly #options: JobMessagesOptions

  constructor(options: JobMessagesOptions) {
    this.#options = options
  }

  /**
   * Creates the job of a message on `scoring-jobs`. An invalid message becomes a failed job that says why. A message whose
   * service has too many active jobs is put back into the queue.
   *
   * @param content  JSON, base64 of JSON, or JSON that the host has parsed
   * @param delivery  its messageId becomes the id of a failed job whose own id is missing or taken
   * @param isLastTry  temporary failures become a failed job too; otherwise they are thrown, so that the queue retries
   */
  async submit(content: unknown, { messageId, origin }: Delivery, isLastTry = false): Promise<void> {
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
    const { jobs, parse } = this.#options
    const { service, ...parsed } = parseSubmission(submission)
    if (service === undefined) throw invalidJob('service: is missing; name the service that scores')
    const member = parsed.input.url?.includes('?') ? 'input.url' : 'onCompleted.url'
    if (parsed.input.url?.includes('?') || parsed.onCompleted?.url?.includes('?')) {
      const why = 'has a query; queues store messages in plain text, so a signature must not be sent in one'
      throw invalidJob(`${member}: ${why}; submit this job over HTTP`)
    }
    // A message that is delivered twice creates one job.
    const jobId = parsed.jobId ?? messageJobId(messageId)
    await jobs.create({ ...parse({ service, jobId }, parsed), messageId }, origin)
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
    const { store, isService, log } = this.#options
    const named = ((submission ?? {}) as { service?: unknown }).service
    const service = typeof named === 'string' && isService(named) ? named : undefined
    const createdAt = new Date(await store.now()).toISOString()
    const jobId = await storeRefusedJob(store, { submission, messageId, service, error, createdAt })
    if (jobId !== undefined) log(`job ${jobId} (from a queue message) failed: ${error.code}: ${error.message}`)
  }
}
