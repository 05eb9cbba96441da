/** The port to the queues that drive jobs. A message is a hint: it may be lost, doubled, late, or come in any order. */
import * as z from 'zod'
import { serviceNamePattern } from '../models/definition/definition.ts'
import { type JobFolder, jobFolder, oldJobFolder } from './layout.ts'
import { jobIdPattern } from './spec.ts'

/** Queues of the app; each has a `-poison` beside it, which the host fills. */
export const jobQueues = {
  /** What people put there: the JSON of a submission. */
  submit: 'scoring-jobs',
  split: 'scoring-job-split',
  chunk: 'scoring-job-chunk',
  finish: 'scoring-job-finish',
} as const

export type JobQueue = Exclude<keyof typeof jobQueues, 'submit'>

/** A message of ours: which step of which job. Never data, never a secret. */
export const JobMessage = z.strictObject({
  /** Absent: a job from before ids belonged to services. */
  service: z.string().regex(serviceNamePattern).optional(),
  jobId: z.string().regex(jobIdPattern),
  /** For `chunk`: which one, by its number in the whole job. */
  chunk: z.int().min(0).optional(),
  /** How often a copy of this message has come to its poison queue. */
  poisoned: z.int().min(0).optional(),
  /** It was sent again because nobody saw the first one do its work. */
  isRevival: z.boolean().optional(),
  /** Some rows of the chunk have their results, because the time of one run was up. */
  isContinued: z.boolean().optional(),
})
export type JobMessage = z.infer<typeof JobMessage>

export function jobMessage(folder: JobFolder): JobMessage {
  const [jobId = '', service] = folder.split('/').reverse()
  return service === undefined ? { jobId } : { service, jobId }
}

export function messageJobFolder({ service, jobId }: JobMessage): JobFolder {
  return service === undefined ? oldJobFolder(jobId) : jobFolder(service, jobId)
}

/** Azure: Put Message. */
export const maxMessageBytes = 65_536

export interface MessageQueues {
  /**
   * Makes the queue when it is missing. Messages do not expire.
   *
   * @param delaySeconds  until it can be received
   */
  send(queue: JobQueue, message: JobMessage, delaySeconds?: number): Promise<void>

  /** Puts a submission back where people put theirs. @param text  64 KiB at most */
  sendBack(text: string, delaySeconds: number): Promise<void>
}
